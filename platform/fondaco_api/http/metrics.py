"""Metrics for Prometheus. Labels are bounded: what a client names itself is told apart only so many times."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fondaco_core import limits

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUESTS = Counter(
    "fondaco_http_requests", "HTTP requests by route and status.", ["route", "method", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "fondaco_http_seconds", "How long HTTP requests took.", ["route"], buckets=_BUCKETS, registry=REGISTRY
)
OPERATIONS = Counter(
    "fondaco_graphql_operations",
    "GraphQL operations by name and outcome.",
    ["operation", "kind", "outcome"],
    registry=REGISTRY,
)
OPERATION_SECONDS = Histogram(
    "fondaco_graphql_seconds",
    "How long GraphQL operations took.",
    ["operation", "kind"],
    buckets=_BUCKETS,
    registry=REGISTRY,
)
REFUSALS = Counter(
    "fondaco_mutation_refusals", "Mutations that were refused, by code.", ["mutation", "code"], registry=REGISTRY
)

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_names: set[str] = set()


def operation_label(name: str | None) -> str:
    """The label of an operation's name: itself while there are few, `other` beyond."""
    if name is None:
        return "anonymous"
    if name in _names:
        return name
    if len(_names) >= limits.OPERATION_NAMES_MAX:
        return "other"
    _names.add(name)
    return name


def observe_operation(operation: str, kind: str, outcome: str, seconds: float) -> None:
    """Counts one GraphQL operation."""
    label = operation or "invalid"
    OPERATIONS.labels(label, kind, outcome).inc()
    OPERATION_SECONDS.labels(label, kind).observe(seconds)


def count_refusal(mutation: str, code: str) -> None:
    """Counts one refused mutation."""
    REFUSALS.labels(mutation, code).inc()


def observe_request(route: str, method: str, status: int, seconds: float) -> None:
    """Counts one HTTP request; `route` is one of ours, never a client's path."""
    REQUESTS.labels(route, method if method in _METHODS else "other", str(status)).inc()
    SECONDS.labels(route).observe(seconds)


async def metrics(request: Request) -> Response:
    """All metrics, for a scraper that reaches this process itself; what came through a proxy gets 404."""
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        raise HTTPException(404)
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
