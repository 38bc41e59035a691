"""`fondaco admin`: lets the first of the platform's own people in, on an installation that has nobody to do it."""

import argparse
import asyncio

from fondaco_core import identity
from fondaco_core.config import Settings, read_settings
from fondaco_core.context import system_ctx
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import close_database, governing, open_database
from fondaco_core.errors import Refusal, SettingError
from fondaco_core.identity import PlatformRole
from fondaco_core.keyring import close_keyring, open_keyring
from fondaco_core.secret import Secret
from fondaco_ops.running import settings_of_running

CTX = system_ctx("admin", permissions=frozenset({"platform.people"}))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who, and what they may do."""
    parser.add_argument("email", help="the person's e-mail address")
    parser.add_argument("--name", default="Platform admin", help="what to call them (Platform admin)")
    parser.add_argument("--auditor", action="store_true", help="one who may look at everything and change nothing")
    parser.add_argument("--reset", action="store_true", help="a new token for somebody who forgot the password")


def run(args: argparse.Namespace) -> int:
    """Makes the account, or a new token for it, and says once how its password is chosen."""
    settings = settings_of_running(read_settings())
    token = asyncio.run(_admit(settings, args))
    print(
        f"{args.email} chooses a password at this address, which is shown once and holds once:\n\n"
        f"  {settings.public_url}/account/password#{token.reveal()}\n\n"
        "It begins with FONDACO_PUBLIC_URL; where people reach the installation elsewhere, put that before /account."
    )
    return 0


async def _admit(settings: Settings, args: argparse.Namespace) -> Secret[str]:
    open_database(settings)
    try:
        await open_keyring(load_master_keys(settings))
        async with governing(CTX) as tx:
            if args.reset:
                _, token = await identity.issue_password_reset(tx, CTX, email=args.email)
            else:
                role = PlatformRole.AUDITOR if args.auditor else PlatformRole.ADMIN
                _, token = await identity.invite_platform_user(tx, CTX, email=args.email, name=args.name, role=role)
            assert token is not None, "no mail leaves from this process"
            return token
    except identity.EmailTaken as refusal:
        msg = f"{refusal.message} With --reset it gets a new token."
        raise SettingError(msg) from refusal
    except Refusal as refusal:
        raise SettingError(refusal.message) from refusal
    finally:
        close_keyring()
        await close_database()
