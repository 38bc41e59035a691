"""Traces: one story over the outbox, and nothing in it that is somebody's."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fondaco_core import outbox, traces
from fondaco_core.config import Settings, read_settings
from fondaco_core.context import Ctx
from fondaco_core.db import governing, reading
from fondaco_core.errors import SettingError
from fondaco_core.outbox import Event


@dataclass(frozen=True, slots=True)
class Planted(Event):
    """A fact of this test."""

    name: ClassVar[str] = "test.planted"
    what: str


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    settings = replace(Settings(), traces_url="http://127.0.0.1:9")
    traces.open_traces(settings, process="test", processor=SimpleSpanProcessor(kept))
    yield kept
    traces.close_traces()


def named(kept: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = (span for span in kept.get_finished_spans() if span.name == name)
    return found


def test_nothing_is_traced_unless_a_setting_asks_for_it() -> None:
    traces.open_traces(Settings(), process="test")

    with traces.span("nothing") as span:
        assert span is None

    assert traces.traceparent() is None
    traces.close_traces()


@pytest.mark.usefixtures("database")
async def test_what_a_fact_leads_to_belongs_to_the_trace_in_which_it_happened(exporter: InMemorySpanExporter) -> None:
    with traces.span("request"):
        async with governing(Ctx()) as tx:
            await outbox.announce(tx, (None, Planted("a value")))
    async with governing(Ctx()) as tx:
        payload = await tx.fetchval("SELECT payload FROM outbox_event WHERE name = 'test.planted'")
        await tx.execute("DELETE FROM outbox_event WHERE name = 'test.planted'")
    with traces.span("task", parent=payload["traceparent"]):
        pass

    request, task = named(exporter, "request"), named(exporter, "task")
    assert task.context is not None
    assert request.context is not None
    assert task.context.trace_id == request.context.trace_id


@pytest.mark.usefixtures("database")
async def test_spans_hold_our_statements_and_no_values(exporter: InMemorySpanExporter) -> None:
    async with reading(Ctx()) as tx:
        await tx.fetchval("SELECT $1::text", "PLANTED-VALUE")

    said = "".join(span.to_json() for span in exporter.get_finished_spans())
    assert "SELECT $1::text" in said
    assert "PLANTED-VALUE" not in said


def test_an_error_is_known_by_its_class_alone(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="PLANTED"), traces.span("failing"):
        raise ValueError("PLANTED-VALUE")

    failing = named(exporter, "failing")
    assert failing.attributes is not None
    assert failing.attributes["error.type"] == "ValueError"
    assert "PLANTED" not in failing.to_json()


def test_a_clients_trace_is_linked_to_and_not_joined(exporter: InMemorySpanExporter) -> None:
    theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

    with traces.span("request", link=theirs):
        pass

    request = named(exporter, "request")
    assert request.context is not None
    assert f"{request.context.trace_id:032x}" != theirs.split("-")[1]
    assert [f"{link.context.trace_id:032x}" for link in request.links] == [theirs.split("-")[1]]


@pytest.mark.parametrize(
    ("name", "value"),
    [("FONDACO_TRACES_URL", "collector:4318"), ("FONDACO_TRACES_SHARE", "2"), ("FONDACO_TRACES_SHARE", "much")],
)
def test_an_odd_setting_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name):
        read_settings({name: value})
