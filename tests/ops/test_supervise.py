"""The supervisor: what dies is started again, what keeps dying is given up, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fondaco_core.errors import SettingError
from fondaco_ops.process import kill_session
from fondaco_ops.supervise import Patience, Program, Stopped, Supervisor, Wishes, last_line
from tests.support.processes import children, ends

# No waiting between starts: what the delays are is a setting, that starts follow deaths is the promise.
AT_ONCE = Patience(deaths_max=3, delays_s=(0.0,))


@pytest.fixture
def wishes() -> Iterator[Wishes]:
    with Wishes(one_wish_s=0.0) as taken:
        yield taken


def make_program(folder: Path, script: str, name: str = "fake", *, stop_seconds: float = 15.0) -> Program:
    return Program(
        name,
        ["/bin/sh", "-c", script],
        log=folder / f"{name}.log",
        environment=dict(os.environ),
        stop_seconds=stop_seconds,
    )


def has_said(program: Program, word: str) -> Callable[[], bool]:
    return lambda: word in program.log.read_text()


def watch(supervisor: Supervisor, until: Callable[[], bool]) -> None:
    supervisor.watch(until, look_every_s=0.01)


def test_what_dies_is_started_again(tmp_path: Path, wishes: Wishes) -> None:
    lines: list[str] = []
    supervisor = Supervisor(wishes, lines.append, AT_ONCE)
    program = make_program(tmp_path, "exec sleep 1000")
    supervisor.start(program)
    first = program.pid
    assert first is not None

    os.kill(first, signal.SIGKILL)
    assert ends(first)
    watch(supervisor, lambda: program.running and program.pid != first)
    supervisor.stop()

    assert [line.split()[1] for line in lines] == ["ended", "started", "stopped"]


def test_what_keeps_dying_is_given_up_with_its_last_words(tmp_path: Path, wishes: Wishes) -> None:
    supervisor = Supervisor(wishes, lambda _: None, AT_ONCE)
    supervisor.start(make_program(tmp_path, "echo no luck today; exit 1"))

    with pytest.raises(SettingError, match="fake ended 3 times in a row; the last it said: no luck today"):
        supervisor.watch()

    supervisor.stop()


def test_what_refuses_its_settings_is_not_tried_again(tmp_path: Path, wishes: Wishes) -> None:
    lines: list[str] = []
    supervisor = Supervisor(wishes, lines.append, AT_ONCE)
    supervisor.start(make_program(tmp_path, "echo 'FONDACO_PORT is odd.'; exit 2"))

    with pytest.raises(SettingError, match="fake refused to start: FONDACO_PORT is odd"):
        supervisor.watch()

    assert lines == []
    supervisor.stop()


def test_a_restart_leaves_nothing_of_the_one_before(tmp_path: Path, wishes: Wishes) -> None:
    supervisor = Supervisor(wishes, lambda _: None, AT_ONCE)
    program = make_program(tmp_path, "sleep 1000 & echo begun; wait")
    supervisor.start(program)
    watch(supervisor, has_said(program, "begun"))
    first = program.pid
    assert first is not None
    left_behind = children(first)

    os.kill(first, signal.SIGKILL)
    assert ends(first)
    watch(supervisor, lambda: program.running and program.pid != first)

    assert len(left_behind) == 1
    assert ends(left_behind[0])
    supervisor.stop()


def test_the_last_started_is_stopped_first(tmp_path: Path, wishes: Wishes) -> None:
    lines: list[str] = []
    supervisor = Supervisor(wishes, lines.append)
    programs = [make_program(tmp_path, "exec sleep 1000", name) for name in ("database", "worker", "api")]
    for program in programs:
        supervisor.start(program)

    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Stopped):
        supervisor.watch()
    supervisor.stop()

    assert [line.split()[0] for line in lines] == ["api", "worker", "database"]
    assert not any(program.running for program in programs)


def test_a_second_wish_ends_at_once_what_does_not_listen(tmp_path: Path, wishes: Wishes) -> None:
    supervisor = Supervisor(wishes, lambda _: None)
    stubborn = make_program(tmp_path, "trap '' TERM; echo deaf; while :; do sleep 1000; done", stop_seconds=1e9)
    supervisor.start(stubborn)
    watch(supervisor, has_said(stubborn, "deaf"))

    wishes.heed()
    os.kill(os.getpid(), signal.SIGINT)
    stubborn.stop(wishes.hurried)

    assert not stubborn.running


def test_signals_that_come_together_are_one_wish() -> None:
    with Wishes(one_wish_s=1e9) as wishes:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Stopped):
            wishes.check()
        wishes.heed()
        os.kill(os.getpid(), signal.SIGTERM)

        assert not wishes.hurried()


def test_a_killed_supervisor_leaves_no_process(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import os, sys
        from pathlib import Path
        from fondaco_ops.supervise import Program, Supervisor, Wishes, last_line
        with Wishes() as wishes:
            supervisor = Supervisor(wishes, print)
            programs = [
                Program(name, ["/bin/sleep", "1000"], log=Path(sys.argv[1], name), environment=dict(os.environ))
                for name in ("a", "b")
            ]
            for program in programs:
                supervisor.start(program)
            print(*(program.pid for program in programs), flush=True)
            supervisor.watch()
    """)
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(pid) for pid in supervisor.stdout.readline().split()]

        supervisor.kill()

    assert len(pids) == 2
    assert all(ends(pid) for pid in pids)


def test_workers_do_not_outlive_a_killed_dramatiq(tmp_path: Path) -> None:
    (tmp_path / "broker_of_this_test.py").write_text(
        textwrap.dedent("""
        import os
        import dramatiq
        from dramatiq.brokers.stub import StubBroker
        dramatiq.set_broker(StubBroker())
        print("booted", os.getpid(), flush=True)
    """)
    )
    command = [sys.executable, "-m", "fondaco_ops.bound", "broker_of_this_test", "--processes", "2", "--threads", "1"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, env=environment, start_new_session=True, cwd=tmp_path
    ) as master:
        assert master.stderr is not None
        booted: set[int] = set()
        while len(booted) < 2:
            words = master.stderr.readline().split()
            assert words, "dramatiq ended early"
            if words[0] == b"booted":
                booted.add(int(words[1]))

        master.kill()

        assert all(ends(pid) for pid in booted)
    kill_session(master.pid)


def test_a_log_that_grew_large_is_moved_aside_while_it_is_written(
    tmp_path: Path, wishes: Wishes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fondaco_ops.places.LOG_BYTES_MAX", 4)
    supervisor = Supervisor(wishes, lambda _: None)
    program = make_program(tmp_path, "echo early words; read line < go; echo late; exec sleep 1000")
    older = tmp_path / "fake.log.1"
    os.mkfifo(tmp_path / "go")
    monkeypatch.chdir(tmp_path)
    supervisor.start(program)

    watch(supervisor, older.exists)
    monkeypatch.setattr("fondaco_ops.places.LOG_BYTES_MAX", 4_000)
    (tmp_path / "go").write_text("on\n")
    watch(supervisor, has_said(program, "late"))
    supervisor.stop()

    assert older.read_text() == "early words\n"
    assert program.log.read_text() == "late\n"


def test_the_last_words_of_a_traceback_are_its_exception(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "early\nTraceback (most recent call last):\n  File x\nlib.errors.Odd: first\n\nThe above:\n\n"
        "Traceback (most recent call last):\n  File y\nlib.errors.Worse: what happened\n[SQL: SELECT]\n(Background: at)\n"
    )

    assert last_line(log) == "lib.errors.Worse: what happened"
    log.write_text("one\n  two  \n\n")
    assert last_line(log) == "two"
    log.unlink()
    assert last_line(log) == "nothing"
