"""What the back door says of its own health, to whoever starts it anew."""

import asyncio
import threading
import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_workers import metrics
from fondaco_workers.health import Pulse, loop_answers
from tests.support.breaking import free_port


def status_of(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


@pytest.mark.parametrize(("alive", "status"), [(True, 200), (False, 503)])
def test_health_is_what_the_process_says_of_itself(*, alive: bool, status: int) -> None:
    port = free_port()

    metrics.show(replace(Settings(), metrics_port=port), lambda: alive)

    assert status_of(port) == status


def test_a_process_that_does_not_come_round_has_no_pulse(monkeypatch: pytest.MonkeyPatch) -> None:
    pulse = Pulse()
    assert pulse.felt()

    monkeypatch.setattr(limits, "ROUND_STUCK_S", 0.0)

    assert not pulse.felt()


def test_an_event_loop_that_hangs_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    hanging, release = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        release.wait()

    answered_at_first = loop_answers(loop)
    loop.call_soon_threadsafe(hang)
    hanging.wait()
    monkeypatch.setattr(limits, "LOOP_STUCK_S", 0.05)
    answered_while_hanging = loop_answers(loop)
    release.set()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()

    assert answered_at_first
    assert not answered_while_hanging
