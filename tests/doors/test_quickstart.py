"""docs/quickstart-buyers.md, followed to the letter: each of its programs is run, in its order, against a whole installation."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fondaco_core.config import Settings
from fondaco_core.context import Ctx
from fondaco_core.db import reading
from fondaco_tenants import storefront
from tests.doors.conftest import HERE
from tests.scenarios.conftest import ports, queue, queue_settings
from tests.support.breaking import Client, token_of
from tests.support.factories.codes import make_codes
from tests.support.factories.orders import Shop, make_buyer, make_shop
from tests.support.invariants import assert_invariants
from tests.support.town import Town, open_town

pytestmark = pytest.mark.usefixtures("database", "run_node")
__all__ = ["ports", "queue", "queue_settings"]

DOCUMENT = HERE.parents[1] / "docs" / "quickstart-buyers.md"
BLOCK = re.compile(r"^```(bash|python|typescript)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SCOPES = ["buyer.order", "buyer.read", "buyer.reveal"]
TSC = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "--skipLibCheck"]
# Two with curl, one each in Python and TypeScript, two as a guest, two for a key, which two programs open.
UNITS = 8


@dataclass(frozen=True, slots=True)
class Bought:
    """What the document's programs printed, and the codes that were in stock."""

    printed: str
    codes: list[str]


@pytest.fixture
async def town(
    queue_settings: Settings, ports: tuple[int, int], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    async with open_town(queue_settings, ports, tmp_path_factory.mktemp("town")) as opened:
        yield opened


@pytest.fixture
async def bought(town: Town, tmp_path: Path) -> Bought:
    shop = await make_shop(stock=0)
    codes = await make_codes(shop.pools[0], 20)
    buyer = await make_buyer(shop)
    (tmp_path / ".fondaco").mkdir()
    (tmp_path / ".fondaco" / "demo.json").write_text(json.dumps(await demo_of(town, shop, buyer)))
    return Bought(await run(tmp_path, await script_in(tmp_path)), codes)


async def demo_of(town: Town, shop: Shop, buyer: Ctx) -> dict[str, Any]:
    """The part of the demo world's file that the document reads, of this test's own shop and buyer."""
    async with reading(shop.owner) as tx:
        store = await storefront.get_store(tx, shop.owner, shop.store_id)
    async with (
        Client(town.ports[:1], await token_of(shop.owner)) as merchant,
        Client(town.ports[:1], await token_of(buyer)) as person,
    ):
        office = await merchant.done(
            "createApiClient", "apiClient { clientId } secret", name="office", scopes=["clients.edit", "clients.read"]
        )
        own = await person.done("createOwnApiClient", "apiClient { clientId } secret", name="buyer", scopes=SCOPES)
    return {
        "base_url": f"http://127.0.0.1:{town.ports[0]}",
        "tenants": [
            {"store": {"slug": store.slug}, "buyers": [{"api_client": shown(own)}], "api_client": shown(office)}
        ],
        "gateways": [{"key": town.gateway}],
    }


def shown(made: dict[str, Any]) -> dict[str, str]:
    return {"client_id": made["apiClient"]["clientId"], "client_secret": made["secret"]}


async def script_in(folder: Path) -> str:
    """One shell script with all blocks of the document in their order; programs are files beside it."""
    lines, typed = ["set -euo pipefail"], []
    for number, (language, text) in enumerate(BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))):
        name = f"block{number}"
        match language:
            case "bash":
                lines.append(text)
            case "python":
                (folder / f"{name}.py").write_text(text)
                lines.append(f"python {name}.py")
            case _:
                (folder / f"{name}.ts").write_text(text)
                lines.append(f"node {name}.js")
                typed.append(f"{name}.ts")
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}')
    await run(folder, " ".join(["node_modules/.bin/tsc", *TSC, *typed]))
    return "\n".join(lines)


async def run(folder: Path, script: str) -> str:
    """What a shell prints; it must end well."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with (folder / "printed").open("wb") as out, (folder / "errors").open("wb") as err:
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", script, cwd=folder, env={"PATH": path, "HOME": str(folder)},
            stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(120):
                ended = await shell.wait()
        except TimeoutError:
            os.killpg(shell.pid, signal.SIGKILL)
            ended = await shell.wait()
    printed = (folder / "printed").read_text()
    assert ended == 0, printed + (folder / "errors").read_text()
    return printed


async def test_who_follows_the_quickstart_has_bought_in_every_way(bought: Bought) -> None:
    seen = [code for code in bought.codes if code in bought.printed]

    assert len(seen) == UNITS
    assert all(bought.printed.count(code) == 2 for code in seen[-2:]), "what was encrypted was opened in two languages"
    assert "refused: PRICE_CHANGED" in bought.printed
    assert "FULFILLED" in bought.printed
    await assert_invariants()
