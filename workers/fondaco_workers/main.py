"""What dramatiq boots: `dramatiq fondaco_workers.main`. One database, one keyring, one event loop for each worker process."""

import asyncio
import logging
import sys
from collections.abc import Callable

import asyncpg
import dramatiq
from dramatiq import Broker, Middleware, Worker
from dramatiq.asyncio import EventLoopThread, get_event_loop_thread

from fondaco_core import identity, logs, mail, traces
from fondaco_core.config import Settings, read_settings
from fondaco_core.crypto import load_master_keys
from fondaco_core.db import close_database, open_database
from fondaco_core.errors import FondacoError, SettingError
from fondaco_core.http import close_http, open_http
from fondaco_core.keyring import close_keyring, open_keyring
from fondaco_core.outbox import Note
from fondaco_tenants import delivery
from fondaco_workers import metrics
from fondaco_workers.actor import ACTORS
from fondaco_workers.broker import QUEUE, QueueBroker, make_broker
from fondaco_workers.health import loop_answers
from fondaco_workers.perform import SLOTS, perform
from fondaco_workers.subscriptions import subscriptions

REFUSED = 2
# How often a database that is away is tried at the start, a second apart, before it is called away.
OPEN_ATTEMPTS_MAX = 30


class Life(Middleware):
    """Opens what a worker process works with on its event loop before the first message, and closes it after the last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Opens the pools and the keyring; a key that does not fit ends the process with one sentence."""
        loop = _loop()
        SLOTS.most = max(1, worker.worker_threads // 2)
        try:
            metrics.show(self._settings, lambda: loop_answers(loop.loop))
            mail.open_mail(self._settings)
            identity.open_identity(self._settings)
            delivery.open_ways(self._settings)
            traces.open_traces(self._settings, process="worker")
            loop.run_coroutine(_open(self._settings))
        except FondacoError as refusal:
            loop.stop()  # type: ignore[no-untyped-call]
            refuse(refusal)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Closes them again."""
        _loop().run_coroutine(_close())
        traces.close_traces()


def _loop() -> EventLoopThread:
    loop = get_event_loop_thread()
    assert loop is not None, "AsyncIO comes first"
    return loop


async def _open(settings: Settings) -> None:
    await open_http(settings)
    open_database(settings)
    for attempt in range(OPEN_ATTEMPTS_MAX):
        try:
            await open_keyring(load_master_keys(settings))
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            if attempt == OPEN_ATTEMPTS_MAX - 1 or isinstance(error, asyncpg.UndefinedTableError):
                msg = f"The database cannot be used ({type(error).__name__}); look at FONDACO_DATABASE_URL, and run `fondaco migrate`."
                raise SettingError(msg) from error
            await asyncio.sleep(1.0)
        else:
            return


async def _close() -> None:
    await close_http()
    close_keyring()
    await close_database()


def refuse(refusal: FondacoError) -> None:
    """Says one sentence and ends the process with the exit code of a refusal."""
    sys.stderr.write(f"fondaco: {refusal}\n")
    sys.exit(REFUSED)


def declare_actors(broker: QueueBroker) -> None:
    """Makes every actor known to the broker by its name; what a message of it does is perform()."""

    def performer(name: str) -> Callable[[int], None]:
        def perform_task(task_id: int) -> None:
            _loop().run_coroutine(perform(Note(task_id, name)))

        return perform_task

    heard = {name for names in subscriptions().values() for name in names}
    assert heard <= ACTORS.keys()
    for name in ACTORS:
        dramatiq.Actor(performer(name), broker=broker, actor_name=name, queue_name=QUEUE, priority=0, options={})


def boot() -> QueueBroker:
    """The broker of this process with every actor, which dramatiq finds as the current one."""
    try:
        settings = read_settings()
        # Dramatiq has set up lines of its own by now; ours are JSON.
        logging.getLogger().handlers.clear()
        logs.configure(settings.log_level)
        broker = make_broker(settings, middleware=[Life(settings)])
    except FondacoError as refusal:
        refuse(refusal)
        raise
    dramatiq.set_broker(broker)
    declare_actors(broker)
    return broker


broker = boot()
