"""`python -m fondaco_api` as an operator runs it."""

import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from fondaco_api.__main__ import make_config
from fondaco_core.config import Settings
from fondaco_core.db import Database
from tests.support.processes import ends

PATIENCE_S = 30


def environment_for(settings: Settings, port: int, **more: str) -> dict[str, str]:
    """The settings as an environment."""
    assert settings.role_secret is not None
    return {
        "PATH": os.environ["PATH"],
        "FONDACO_PORT": str(port),
        "FONDACO_DATABASE_URL": settings.require_database_url().reveal(),
        "FONDACO_REDIS_URL": settings.require_redis_url().reveal(),
        "FONDACO_ROLE_SECRET": settings.role_secret.reveal(),
        "FONDACO_MASTER_KEY_FILE": str(settings.master_key_file),
        **more,
    }


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(environment: dict[str, str], log: Path) -> Generator[subprocess.Popen[bytes]]:
    """The process until the block ends."""
    with (
        log.open("wb") as written,
        subprocess.Popen([sys.executable, "-m", "fondaco_api"], env=environment, cwd="/", stderr=written) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, str]:
    """One request; waits for the process to listen."""
    for _ in range(PATIENCE_S * 20):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except ConnectionRefusedError:
            select.select([], [], [], 0.05)
        finally:
            connection.close()
    raise AssertionError(path)


def test_a_process_serves_until_it_is_told_to_stop(database: Database, settings: Settings, tmp_path: Path) -> None:
    assert database
    port = free_port()
    with running(environment_for(settings, port), tmp_path / "log") as process:
        status, text = ask(port, "GET", "/readyz")
        _, answer = ask(port, "POST", "/graphql", {"query": "{ __typename }"})
        _, wrong = ask(
            port,
            "POST",
            "/graphql",
            {"query": "query Seen($v: ID!) { node(id: $v) { id } }", "variables": {"v": "unseen-variable"}},
        )
        process.send_signal(signal.SIGTERM)

        assert ends(process.pid)

    assert (status, json.loads(text)["status"]) == (200, "ready"), text
    assert json.loads(answer)["data"] == {"__typename": "Query"}
    assert json.loads(wrong)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert "Seen" not in log
    assert "unseen-variable" not in log


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"FONDACO_PORT": "many"}, "FONDACO_PORT is 'many'"),
        ({"FONDACO_REDIS_URL": ""}, "FONDACO_REDIS_URL is not set"),
        ({"FONDACO_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "FONDACO_DATABASE_URL"),
        ({"FONDACO_MASTER_KEY_FILE": "/nowhere"}, "/nowhere"),
    ],
)
def test_what_does_not_allow_a_start_is_one_sentence(
    database: Database, settings: Settings, change: dict[str, str], said: str
) -> None:
    assert database
    environment = environment_for(settings, free_port()) | change

    done = subprocess.run(
        [sys.executable, "-m", "fondaco_api"],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(("proxies", "seen"), [((), "127.0.0.1"), (("127.0.0.0/8",), "203.0.113.9")])
async def test_who_names_no_proxy_believes_nobody_about_where_a_visitor_comes_from(
    proxies: tuple[str, ...], seen: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    named = replace(settings, trusted_proxies=tuple(ip_network(each) for each in proxies))
    asked: list[str] = []

    async def door(scope: Any, _receive: object, _send: object) -> None:
        assert scope["type"] == "http"
        assert scope["client"] is not None
        asked.append(scope["client"][0])

    believing = ProxyHeadersMiddleware(door, make_config(named).forwarded_allow_ips)
    scope: Any = {"type": "http", "client": ("127.0.0.1", 1), "headers": [(b"x-forwarded-for", b"203.0.113.9")]}
    await believing(scope, _nothing, _nothing)  # type: ignore[arg-type]

    assert asked == [seen]


async def _nothing(*_: object) -> None:
    """A door that nothing goes through."""
