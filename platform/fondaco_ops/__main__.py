"""`fondaco`: every command of an operator. A refusal is one sentence on stderr and exit code 2, never a traceback."""

import argparse
import errno
import importlib
import importlib.util
import sys
from importlib import metadata
from types import ModuleType

from fondaco_core.errors import FondacoError

# Command, module that carries it out, one line of help. A module is imported only when its command runs.
COMMANDS = (
    ("up", "fondaco_ops.local", "start everything on this machine, database and queue included"),
    ("migrate", "fondaco_ops.migrate", "bring the database to what this version expects"),
    ("seed", "fondaco_ops.seed", "fill an empty installation with a small believable world"),
    ("admin", "fondaco_ops.admin", "let one of the platform's own people in"),
    ("rotate-keys", "fondaco_ops.rotate", "new master or merchants' keys, while the system runs"),
    ("doctor", "fondaco_ops.doctor", "check every promise about the data"),
    ("backup", "fondaco_ops.backup", "write all data of a running `up` into one file"),
    ("export-tenant", "fondaco_ops.export", "write all data of one merchant into a file that it can take along"),
    ("restore", "fondaco_ops.restore", "bring a backup back into an empty folder"),
    ("audit", "fondaco_ops.audit", "verify the audit log, or check an evidence file offline"),
    ("schema", "fondaco_ops.schema", "print the GraphQL schema, or compare schema.graphql with the code"),
    ("bench", "fondaco_ops.bench", "measure this machine: orders a second and the rest"),
    ("sandbox-gateway", "fondaco_ops.sandbox", "a payment gateway to play with, on this machine only; `up` starts it"),
    ("mailbox", "fondaco_ops.mailbox", "take the mails of this machine and show them on a page; `up` starts one"),
    ("demo", "fondaco_ops.demo", "play a sale through the public API, step by step"),
)

SETTINGS = """\
settings (environment):
  FONDACO_DATA              where data, keys and logs are kept (.fondaco)
  FONDACO_HOST              where the API listens (127.0.0.1)
  FONDACO_PORT              and on which port (8000)
  FONDACO_PUBLIC_URL        how browsers reach it (http://127.0.0.1:8000)
  FONDACO_DATABASE_URL      an outside PostgreSQL, instead of the one that `up` brings
  FONDACO_REDIS_URL         an outside Valkey or Redis, instead of the one that `up` brings
  FONDACO_PROFILE           local, or production: strict query budgets, no schema for strangers (local)
  FONDACO_MASTER_KEY_FILE   the keys of the vault; `up` makes them at the first start
  FONDACO_ROLE_SECRET       what the database roles' passwords come from; likewise
  FONDACO_MASTER_KEY        the same keys as text, instead of a file
  FONDACO_ALLOWED_ORIGINS   other sites whose pages may ask the API, with commas between (none)
  FONDACO_TRUSTED_PROXIES   networks of proxies that are believed about who asks (none)
  FONDACO_REACHABLE_NETWORKS  private networks that webhooks may reach in addition (none)
  FONDACO_DATABASE_POOL     connections of a process to the database, for each role (12)
  FONDACO_WORKER_THREADS    how much the worker that `up` starts does at once (4)
  FONDACO_METRICS_PORT      where worker, relay or scheduler show metrics; of `up` the worker here, the others on the next two (none)
  FONDACO_TRACES_URL        an OpenTelemetry collector that traces go to, OTLP over HTTP (none)
  FONDACO_TRACES_SHARE      which share of the traces is kept, 0 to 1 (1)
  FONDACO_SANDBOX_PORT      where the sandbox gateway of `up` listens (a free one, kept)
  FONDACO_MAIL_URL          the mail server: smtp://user:password@host:587, smtps://… (`up` brings a mailbox to look at)
  FONDACO_MAIL_FROM         the address mails come from: Fondaco <shop@example.com>
  FONDACO_SMS_URL           a gateway for text messages, by HTTP (`up`: the same mailbox)
  FONDACO_SMS_TOKEN         what lets us in there
  FONDACO_LOG_LEVEL         DEBUG, INFO, WARNING or ERROR (INFO)
"""


def make_parser(wanted: str | None) -> argparse.ArgumentParser:
    """The parser of the command line; only the `wanted` command's module is imported for its arguments."""
    parser = argparse.ArgumentParser(
        prog="fondaco",
        description="Runs a Fondaco installation.",
        epilog=SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"fondaco {metadata.version('fondaco')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module_name, help_line in available():
        command = commands.add_parser(name, help=help_line, description=f"{help_line[0].upper()}{help_line[1:]}.")
        if name == wanted:
            module = importlib.import_module(module_name)
            add_arguments(module, command)
            command.set_defaults(run=module.run)
    return parser


def available() -> list[tuple[str, str, str]]:
    """The commands of this installation: those whose module is part of it."""
    return [entry for entry in COMMANDS if importlib.util.find_spec(entry[1]) is not None]


def add_arguments(module: ModuleType, parser: argparse.ArgumentParser) -> None:
    """Has a command's module declare its arguments, if it takes any."""
    declare = getattr(module, "add_arguments", None)
    if declare is not None:
        declare(parser)


def main(arguments: list[str] | None = None) -> int:
    """Carries out one command and gives the exit code: 0, 2 for a refusal, or what the command says."""
    given = sys.argv[1:] if arguments is None else arguments
    wanted = next((word for word in given if not word.startswith("-")), None)
    try:
        parsed = make_parser(wanted).parse_args(given or ["--help"])
        return int(parsed.run(parsed))
    except FondacoError as refusal:
        return refuse(str(refusal))
    except KeyboardInterrupt:
        return 130
    except OSError as failure:
        # The file system's and the network's own refusals name what they are about; anything else is a bug to be seen.
        if failure.errno not in {errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT}:
            raise
        return refuse(f"{failure.strerror}: {failure.filename or 'a file of Fondaco'}.")


def refuse(sentence: str) -> int:
    """Says one sentence and gives the exit code of a refusal."""
    print(f"fondaco: {sentence}", file=sys.stderr, flush=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())
