"""The first of the platform's people gets in from the command line, with a token and never with a password."""

import re
import subprocess
import sys

import pytest

from fondaco_core import identity
from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.secret import Secret
from tests.support.factories.identity import some_email

pytestmark = pytest.mark.usefixtures("database")


def admit(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`fondaco admin` as an operator runs it, beside the running system."""
    assert settings.database_url is not None
    assert settings.role_secret is not None
    environment = {
        "PATH": "/usr/bin:/bin",
        "FONDACO_DATABASE_URL": settings.database_url.reveal(),
        "FONDACO_ROLE_SECRET": settings.role_secret.reveal(),
        "FONDACO_MASTER_KEY_FILE": str(settings.master_key_file),
        "FONDACO_DATA": str(settings.data_dir),
    }
    return subprocess.run(
        [sys.executable, "-m", "fondaco_ops", "admin", *arguments],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def test_an_admin_chooses_a_password_with_the_token_and_signs_in(settings: Settings) -> None:
    email = some_email()
    said = admit(settings, email, "--name", "Ada")
    token = re.search(r"/account/password#(\S+)", said.stdout)
    assert token is not None

    password = Secret("correct horse battery")
    await identity.reset_password(Ctx(), token=Secret(token.group(1)), password=password)
    signed_in = await identity.sign_in(Ctx(), email=email, password=password)

    assert signed_in is not None
    assert said.returncode == 0


async def test_a_second_account_with_the_address_is_refused_in_one_sentence(settings: Settings) -> None:
    email = some_email()
    admit(settings, email)

    said = admit(settings, email)

    assert (said.returncode, len(said.stderr.splitlines())) == (2, 1)
    assert "--reset" in said.stderr
