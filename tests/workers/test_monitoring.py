"""What an operator watches: every figure can be read, and alerts and dashboard ask for what there is."""

import json
import re
from pathlib import Path

import pytest
import yaml

from fondaco_api.http import metrics as front
from fondaco_core.context import system_ctx
from fondaco_core.db import governing, read_figures
from fondaco_tenants import registry
from fondaco_workers import metrics as back

MONITORING = Path(__file__).resolve().parents[2] / "docs" / "monitoring"


def asked_for() -> list[str]:
    """Every expression of the alerts and of the dashboard."""
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    alerts = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return alerts + [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def shown() -> set[str]:
    """The name of every series that API, worker, relay or scheduler can show."""
    names: set[str] = set()
    for collected in (front.REGISTRY, back.REGISTRY):
        for metric in collected.collect():
            ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(metric.type, [""])
            names |= {metric.name + end for end in ends}
    return names


def test_alerts_and_dashboard_ask_for_series_that_there_are() -> None:
    wanted = {name for expression in asked_for() for name in re.findall(r"fondaco_[a-z_]+", expression)}

    assert wanted <= shown()


def test_alerts_and_dashboard_ask_for_figures_that_there_are() -> None:
    wanted = {found for expression in asked_for() for found in re.findall(r'module="(\w+)", name="(\w+)"', expression)}

    assert wanted <= {(figure.module, figure.name) for figure in registry.figures()}


@pytest.mark.usefixtures("database")
async def test_every_figure_is_a_number_that_the_platform_may_read() -> None:
    async with governing(system_ctx("test")) as tx:
        found = await read_figures(tx, registry.figures())

    back.observe_figures(found)
    assert found
    assert all(value >= 0 for _, value in found)


def test_every_alert_says_what_to_do() -> None:
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]

    assert all(rule["annotations"].keys() == {"summary", "what_to_do"} for rule in rules)
    assert all(rule["labels"]["severity"] in {"page", "ticket"} for rule in rules)
