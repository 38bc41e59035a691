"""Passkeys in a real browser: made and shown by its own device, to the real API, from a page of the installation itself."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
import uvicorn

from fondaco_api.app import create_app
from fondaco_api.http.middleware import Authenticator
from fondaco_core import identity
from fondaco_core.config import Settings
from tests.core.identity.people import PASSWORD, make_person
from tests.doors.conftest import HERE
from tests.doors.test_pages import chromium

pytestmark = pytest.mark.usefixtures("database", "run_node")


@dataclass(frozen=True, slots=True)
class Home:
    """Where the installation is, and another port at which its pages show as well."""

    origin: str
    elsewhere: str


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[Home]:
    """The real application at two ports; its own address is the first. A passkey belongs to a name, never to a number."""
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    origin, elsewhere = (f"http://localhost:{each.getsockname()[1]}" for each in listening)
    # The pools and the keys of this process are open already.
    own = replace(settings, database_url=None, public_url=origin)
    app = create_app(own, authenticate=Authenticator(identity.authenticate_bearer, identity.authenticate_session))
    await app.state.process.open()
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning"))
    running = asyncio.create_task(server.serve(sockets=listening))
    yield Home(origin, elsewhere)
    server.should_exit = True
    await running
    await app.state.process.close()
    identity.open_identity(Settings())
    for each in listening:
        each.close()


async def test_a_passkey_made_in_a_browser_opens_the_door_at_home_and_nowhere_else(home: Home) -> None:
    person = await make_person()
    asked = {
        "origin": home.origin, "elsewhere": home.elsewhere, "phishing": home.origin.replace("localhost", "fondaco.localhost"),
        "email": person.email, "password": PASSWORD.reveal(),
    }  # fmt: skip

    node = shutil.which("node")
    assert node is not None
    process = await asyncio.create_subprocess_exec(
        node, "passkeys.mjs", chromium(), json.dumps(asked), cwd=HERE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )  # fmt: skip
    printed, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    report = json.loads(printed.decode().splitlines()[-1])

    viewer = report.pop("viewer")
    assert (viewer["kind"], [each["name"] for each in viewer["passkeys"]]) == ("MEMBER", ["My phone"])
    assert viewer["passkeys"][0]["lastUsedAt"] is not None
    assert report == {
        "password": "SignInSuccess",
        "made": "AddPasskeySuccess",
        "madeForAnotherName": "PASSKEY_INVALID",
        "shownToAnotherName": "SecurityError",
        "anotherNamesPasskey": "PASSKEY_INVALID",
        "signedIn": "SignInWithPasskeySuccess",
        "cookie": [{"name": "fondaco_session", "httpOnly": True, "sameSite": "Lax"}],
        "replayed": "CHALLENGE_INVALID",
        "replayedToAnother": "PASSKEY_INVALID",
        "relayed": "PASSKEY_INVALID",
        "again": "SignInWithPasskeySuccess",
    }
