"""Metrics of the back door for Prometheus, and whether the process lives; shown only where FONDACO_METRICS_PORT says so."""

import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
from prometheus_client.process_collector import ProcessCollector

from fondaco_core.config import Settings
from fondaco_core.db import Figure
from fondaco_core.errors import SettingError
from fondaco_core.outbox import Backlog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

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
FIGURES = Gauge(
    "fondaco_figure",
    "What a module counts over all merchants; a name ending in _seconds is the age of the oldest.",
    ["module", "name"],
    registry=REGISTRY,
)
INVARIANTS = Gauge(
    "fondaco_invariants", "Invariants at the last look, by whether they held.", ["held"], registry=REGISTRY
)


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each scraper in a thread of its own, so that a slow one keeps nobody waiting."""

    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gave it
        """Writes nothing: what is scraped twice a minute is no news."""


def show(settings: Settings, alive: Callable[[], bool]) -> None:
    """Serves /metrics and /healthz of this process, if the settings say where; a port that is taken is a refusal to start.

    `alive` says whether the process still does its work; it is asked from another thread. One that does not is better
    started anew, and /healthz answers 503.
    """
    if settings.metrics_port is None:
        return
    metrics = make_wsgi_app(REGISTRY)

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/healthz":
            found: Iterable[bytes] = metrics(environ, start_response)
            return found
        well = alive()
        start_response("200 OK" if well else "503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"alive\n" if well else b"stuck\n"]

    try:
        server = make_server(settings.host, settings.metrics_port, answer, _Server, _Silent)
    except OSError as error:
        msg = f"FONDACO_METRICS_PORT is {settings.metrics_port}, which cannot be listened on ({error.strerror})."
        raise SettingError(msg) from error
    threading.Thread(target=server.serve_forever, daemon=True).start()


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


def observe_figures(figures: Iterable[tuple[Figure, float]]) -> None:
    """Says what modules count."""
    for figure, value in figures:
        FIGURES.labels(figure.module, figure.name).set(value)


def observe_invariants(*, held: int, broken: int) -> None:
    """Says how many promises held at the last look."""
    INVARIANTS.labels("yes").set(held)
    INVARIANTS.labels("no").set(broken)
