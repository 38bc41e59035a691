"""The public clients and suites, each against the real server."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fondaco_api.app import create_app
from fondaco_core import limits
from fondaco_core.config import Settings
from tests.doors.conftest import HERE, Run
from tests.support import stage
from tests.support.stage import TOKEN, serving, stage_app, stage_schema


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The stage's server, where a client has to begin soon."""
    monkeypatch.setattr(limits, "SOCKET_INIT_S", 0.5)
    with serving(stage_app()) as address:
        yield address


def test_the_real_schema_passes_the_whole_audit_of_graphql_over_http(run_node: Run) -> None:
    with serving(create_app(Settings())) as address:
        report = run_node("audit.mjs", f"http://{address}/graphql")

    assert report == {"passed": 61, "findings": []}


def test_sockets_speak_graphql_transport_ws_and_close_with_its_codes(staged: str, run_node: Run) -> None:
    report = run_node("ws.mjs", f"ws://{staged}/graphql", TOKEN)

    assert report == {
        "events": [1, 2, 3],
        "query": "ANONYMOUS",
        "invalid": "BAD_REQUEST",
        "known": "API_CLIENT",
        "stranger": 4403,
        "notJson": 4400,
        "notAnObject": 4400,
        "unknownType": 4400,
        "badPayload": 4400,
        "binary": 4400,
        "subscribedFirst": 4401,
        "idInUse": 4409,
        "initTwice": 4429,
        "noProtocol": 4406,
        "neverBegan": 4408,
        "tooLong": 4400,
        "foreignPage": "http 403",
        "ownPage": "ANONYMOUS",
    }
    with serving(stage_app()):
        assert stage.running == 0


def test_streams_of_events_are_followed_in_connections_of_their_own(staged: str, run_node: Run) -> None:
    report = run_node("sse.mjs", f"http://{staged}/graphql", TOKEN)

    assert report == {
        "events": [1, 2, 3],
        "query": "ANONYMOUS",
        "invalid": "BAD_REQUEST",
        "known": "API_CLIENT",
        "stranger": 401,
        "opened": 200,
    }


@pytest.mark.parametrize(
    ("which", "artifacts"),
    [
        ("stage", {"EveryonePaginationQuery.graphql.js", "EveryonePlayerQuery.graphql.js"}),
        ("real", {"OrdersPaginationQuery.graphql.js", "OrdersOrderQuery.graphql.js", "OrdersPlaceMutation.graphql.js"}),
    ],
)
def test_relay_compiles_connections_that_are_paged_and_objects_that_are_fetched_again(
    run_node: Run, tmp_path: Path, which: str, artifacts: set[str]
) -> None:
    del run_node  # Node and the packages are there once it is.
    shutil.copytree(HERE / "relay" / which, tmp_path / "src")
    (tmp_path / "made").mkdir()
    sdl = (HERE.parents[1] / "schema.graphql").read_text() if which == "real" else stage_schema().as_str()
    (tmp_path / "schema.graphql").write_text(sdl)
    (tmp_path / "relay.config.json").write_text(
        '{"src": "./src", "schema": "./schema.graphql", "language": "javascript", "artifactDirectory": "./made"}'
    )

    done = subprocess.run(
        [HERE / "node_modules" / ".bin" / "relay-compiler"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (tmp_path / "made").iterdir()} >= artifacts
