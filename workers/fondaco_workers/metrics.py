"""Metrics of the back door for Prometheus; shown only where FONDACO_METRICS_PORT says so."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.process_collector import ProcessCollector

from fondaco_core.config import Settings
from fondaco_core.errors import SettingError
from fondaco_core.outbox import Backlog

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0)
TASKS = Counter("fondaco_tasks", "Tasks by actor and how they ended.", ["actor", "outcome"], registry=REGISTRY)
TASK_SECONDS = Histogram("fondaco_task_seconds", "How long tasks took.", ["actor"], buckets=_BUCKETS, registry=REGISTRY)
WAITING = Gauge(
    "fondaco_outbox_waiting", "Events to be relayed, tasks to be done, tasks given up.", ["what"], registry=REGISTRY
)
OLDEST = Gauge(
    "fondaco_outbox_oldest_seconds", "How long the oldest event or task has waited.", ["what"], registry=REGISTRY
)
INVARIANTS = Gauge(
    "fondaco_invariants", "Invariants at the last look, by whether they held.", ["held"], registry=REGISTRY
)


def show(settings: Settings) -> None:
    """Serves the metrics of this process, if the settings say where; a port that is taken is a refusal to start."""
    if settings.metrics_port is None:
        return
    try:
        start_http_server(settings.metrics_port, addr=settings.host, registry=REGISTRY)
    except OSError as error:
        msg = f"FONDACO_METRICS_PORT is {settings.metrics_port}, which cannot be listened on ({error.strerror})."
        raise SettingError(msg) from error


def observe_task(actor: str, outcome: str, seconds: float) -> None:
    """Counts one task; its actor is one of ours."""
    TASKS.labels(actor, outcome).inc()
    TASK_SECONDS.labels(actor).observe(seconds)


def observe_backlog(waiting: Backlog) -> None:
    """Says what waits."""
    for what, count in (("event", waiting.events), ("task", waiting.tasks), ("parked", waiting.parked)):
        WAITING.labels(what).set(count)
    for what, seconds in (("event", waiting.event_s), ("task", waiting.task_s)):
        OLDEST.labels(what).set(seconds)


def observe_invariants(*, held: int, broken: int) -> None:
    """Says how many promises held at the last look."""
    INVARIANTS.labels("yes").set(held)
    INVARIANTS.labels("no").set(broken)
