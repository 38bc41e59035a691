"""`fondaco bench`: how fast this machine is at what matters. Never a test: figures are for people to compare.

It brings up a system of its own, durable, as `make run` does, asks it from processes of their own over loopback, and
takes everything away again. Every figure is a ratio measured in one run, with the absolute beside it.
"""

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson

from fondaco_core.errors import SettingError
from fondaco_ops.bench import big, chain, hot, imports, orders, rest, rotation
from fondaco_ops.bench.bench import Bench
from fondaco_ops.bench.report import Report
from fondaco_ops.bench.system import running

Case = Callable[[Bench], Awaitable[None]]

CASES: dict[str, Case] = {
    "order": orders.order,
    "orders": orders.orders,
    "last one": orders.last_one,
    "hot pool": hot.hot_pool,
    "bulk": orders.bulk,
    "chain": chain.chain,
    "route": chain.route,
    "import": imports.small,
    "big import": imports.big,
    "rotation": rotation.rotation,
    "storefront": rest.storefront,
    "idle": rest.idle,
    "big tenant": big.big_tenant,
}
# What takes the better part of an hour runs when it is named.
NAMED_ONLY = {"big tenant"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which cases, how long, and where the figures go."""
    names = ", ".join(f'"{name}"' if " " in name else name for name in CASES)
    parser.add_argument("case", nargs="*", help=f'which to run: {names}; all but "big tenant" when none is named')
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file, too")
    parser.add_argument("--quick", action="store_true", help="short and rough: to see that it works, not to compare")


def run(args: argparse.Namespace) -> int:
    """Measures, prints the table, writes the JSON; 0 whatever the figures are, as long as every promise held."""
    unknown = [name for name in args.case if name not in CASES]
    if unknown:
        msg = f"There is no case {unknown[0]!r}; the cases are: {', '.join(CASES)}."
        raise SettingError(msg)
    report = Report(args.quick)
    try:
        asyncio.run(measure(args.case or [name for name in CASES if name not in NAMED_ONLY], report))
    finally:
        # What was measured before something broke took minutes, and is as true as ever.
        if report.figures:
            print(report.table())
        if args.json is not None:
            args.json.write_bytes(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2) + b"\n")
    return 0


async def measure(cases: list[str], report: Report) -> None:
    """Runs cases one after the other against one system, and tells the report what they found."""
    ours = asyncio.current_task()
    assert ours is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ours.cancel)
    async with running() as system:
        bench = await Bench.begin(system, report)
        for name in cases:
            bench.say(name)
            await CASES[name](bench)
