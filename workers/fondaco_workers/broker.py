"""The queue: Valkey or Redis by way of Dramatiq. It carries the numbers of tasks, and nothing that could be missed.

A task lives in the database until it is done (core.outbox). A message only says its number, so that a queue that was
flushed, restarted or duplicated costs time and never work, and neither secrets nor facts lie in it. Retries are the
database's business too: a failed task is due again there, with back-off and an end. Hence no Retries, TimeLimit or
AgeLimit of Dramatiq's: each would be a second opinion.
"""

from collections.abc import Iterable

import redis
from dramatiq import Broker, Consumer, Message, Middleware
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import dq_name
from dramatiq.middleware import AsyncIO, ShutdownNotifications

from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_core.outbox import Note

QUEUE = "tasks"
# Delayed messages are not used; their consumer still runs, and its asking is what keeps a fully busy worker alive.
_DELAYED_POLL_MS = limits.QUEUE_HEARTBEAT_MS // 5


class QueueBroker(RedisBroker):
    """Dramatiq's broker, asking at our pace whatever the environment of the process says."""

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5_000) -> Consumer:
        """What a worker reads a queue through. `timeout` is Dramatiq's, which asks too rarely."""
        poll_ms = _DELAYED_POLL_MS if queue_name == dq_name(queue_name) else limits.QUEUE_POLL_MS
        return super().consume(queue_name, prefetch, min(timeout, poll_ms))


def make_broker(settings: Settings, *, middleware: Iterable[Middleware] = ()) -> QueueBroker:
    """The broker on the queue that the settings name.

    With every command it looks for workers that fell silent and gives their messages to others, so that what a worker
    had when it was killed goes on within seconds.
    """
    client = redis.Redis.from_url(
        settings.require_redis_url().reveal(),
        socket_timeout=limits.QUEUE_ANSWER_S,
        socket_connect_timeout=limits.QUEUE_ANSWER_S,
    )
    broker = QueueBroker(  # type: ignore[no-untyped-call]
        client=client,
        namespace="fondaco",
        heartbeat_timeout=limits.QUEUE_HEARTBEAT_MS,
        maintenance_chance=1_000_000,
        middleware=[AsyncIO(), ShutdownNotifications(), *middleware],
    )
    broker.declare_queue(QUEUE)
    return broker


def send(broker: Broker, note: Note) -> None:
    """Tells the queue of a task; raises redis.RedisError when the queue is away."""
    broker.enqueue(Message(queue_name=QUEUE, actor_name=note.actor, args=(note.task_id,), kwargs={}, options={}))
