"""Traces by OpenTelemetry, when FONDACO_TRACES_URL names a collector (OTLP over HTTP); without one, nothing is even measured.

A trace begins with a request or with a periodic job and goes on through the outbox into the workers, because an event
carries where it came from. Spans hold names, states and the text of our own parametrised SQL: never a value, a document or
the text of an error. What a client sends as its own trace is linked to, not believed: strangers do not decide what is kept.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fondaco_core.config import Settings

# The header and the field of an event that say where a trace comes from (W3C Trace Context).
TRACEPARENT = "traceparent"

_FORMAT = TraceContextTextMapPropagator()
_provider: TracerProvider | None = None
_tracer: Tracer | None = None


def open_traces(settings: Settings, *, process: str, processor: SpanProcessor | None = None) -> None:
    """Begins to trace this process, if the settings name a collector; `processor` is where tests put their own."""
    global _provider, _tracer  # noqa: PLW0603 - one a process, opened at its door
    assert _tracer is None, "traces are open already"
    if settings.traces_url is None:
        return
    _provider = TracerProvider(
        resource=Resource({"service.name": f"fondaco-{process}"}),
        sampler=ParentBased(TraceIdRatioBased(settings.traces_share)),
    )
    exporter = OTLPSpanExporter(endpoint=f"{settings.traces_url}/v1/traces")
    _provider.add_span_processor(processor or BatchSpanProcessor(exporter))
    _tracer = _provider.get_tracer("fondaco")


def close_traces() -> None:
    """Sends what is left and ends tracing."""
    global _provider, _tracer  # noqa: PLW0603
    if _provider is not None:
        _provider.shutdown()
    _provider = _tracer = None


def tracing() -> bool:
    """Whether this process traces; who would have to work for an attribute asks first."""
    return _tracer is not None


@contextmanager
def span(
    name: str,
    attributes: Mapping[str, str | int | float | bool] | None = None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: str | None = None,
    link: str | None = None,
) -> Generator[Span | None]:
    """A span around a block, or nothing when this process does not trace; an error is known by its class alone.

    `parent` goes on with a trace of ours (the traceparent of an event); `link` points to somebody else's.
    """
    if _tracer is None:
        yield None
        return
    context = None if parent is None else _FORMAT.extract({TRACEPARENT: parent})
    links = () if link is None else _links(link)
    with _tracer.start_as_current_span(
        name, context, kind, attributes, links, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(Status(StatusCode.ERROR))
            raise


def note(event: str, attributes: Mapping[str, str]) -> None:
    """Notes on the present span that something happens now; nothing when this process does not trace."""
    if _tracer is not None:
        trace.get_current_span().add_event(event, attributes)


def traceparent() -> str | None:
    """Where the present trace stands, for an event to carry; None when nothing is traced."""
    if _tracer is None:
        return None
    carrier: dict[str, str] = {}
    _FORMAT.inject(carrier)
    return carrier.get(TRACEPARENT)


def _links(theirs: str) -> tuple[Link, ...]:
    found = trace.get_current_span(_FORMAT.extract({TRACEPARENT: theirs})).get_span_context()
    return (Link(found),) if found.is_valid else ()
