"""What was planted is searched for everywhere afterwards: it is found nowhere but where somebody was meant to see it.

A world with all its secrets is made, a whole installation runs on it with its logs at their loudest, and everything goes wrong
that may: what is left then in the database, the queue, the logs, the metrics and the refusals is looked through.
"""

import asyncio
import base64
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest
import redis

from fondaco_core.config import Settings
from fondaco_core.context import system_ctx
from fondaco_core.db import Database, governing
from fondaco_core.limits import GRAPHQL_BODY_BYTES_MAX
from fondaco_ops.embedded import postgres_tool
from tests.support.breaking import free_port
from tests.support.door import open_door
from tests.support.factories.codes import some_codes
from tests.support.waiting import until
from tests.support.world import ASKED_BY_SCRIPT, PASSWORD, World, make_worlds, node_id
from tests.workers.conftest import Start

SYSTEM = system_ctx("canary", permissions=frozenset({"system.run"}))
WORKER = ("fondaco_ops.bound", "fondaco_workers.main", "--processes", "1", "--threads", "2")
# What is shorter stands anywhere by chance.
SHORT = 8
# Three processes start one after the other, on a machine that may be busy with others.
STARTED_S = 60.0


def disguises(secret: str) -> Iterator[bytes]:
    """Every form in which a secret might lie around."""
    for text in {secret, secret[::-1], secret.lower(), secret.replace("-", ""), quote(secret, safe="")}:
        raw = text.encode()
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        yield "".join(f"\\u{ord(letter):04x}" for letter in text).encode()
        for wide in (text.encode("utf-16-le"), text.encode("utf-16-be")):
            yield wide
            yield wide.hex().encode()
        for offset in range(3):
            # Whatever stands before it, one of three alignments is what base64 makes of it.
            inner = base64.b64encode(b"\0" * offset + raw)
            cut = inner[4 if offset else 0 : len(inner) - 4]
            yield cut
            yield cut.replace(b"+", b"-").replace(b"/", b"_")


def digests(secret: str) -> Iterator[bytes]:
    """What a hash without a key would make of a secret that can be guessed."""
    for text in (secret, secret.lower(), secret.upper()):
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, text.encode()).digest()
            yield digest
            yield digest.hex().encode()
            yield base64.b64encode(digest).rstrip(b"=")


@dataclass(slots=True)
class Haystack:
    """Everything that somebody might get hold of, by a word for it."""

    places: dict[str, bytes] = field(default_factory=dict)

    def find(self, secrets: dict[str, str]) -> list[tuple[str, str, bytes]]:
        """Which secret lies where, and in which form."""
        found = []
        for what, secret in secrets.items():
            assert len(secret) >= SHORT, what
            guessable = what.startswith(("code", "upload", "contact", "password", "pin"))
            for needle in {*disguises(secret), *(digests(secret) if guessable else ())}:
                found += [(what, where, needle) for where, text in self.places.items() if needle in text]
        return found


async def dump(settings: Settings) -> bytes:
    """The whole database of this worker, as a backup of it would be."""
    command = [str(postgres_tool("pg_dump")), settings.require_database_url().reveal(), "--no-owner"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    return done.stdout


def keys_of(queue: "redis.Redis") -> bytes:
    """Every key of Valkey with all that is in it."""
    readers: dict[Any, Callable[[Any], Any]] = {
        b"string": queue.get,
        b"hash": queue.hgetall,
        b"list": lambda key: queue.lrange(key, 0, -1),
        b"set": queue.smembers,
        b"zset": lambda key: queue.zrange(key, 0, -1, withscores=True),
        b"stream": queue.xrange,
    }
    parts: list[bytes] = []
    for key in queue.scan_iter():
        parts += [key, *_bytes_in(readers[queue.type(key)](key))]
    return b"\n".join(parts)


def _bytes_in(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _bytes_in(pair)
    elif isinstance(value, list | tuple | set):
        for each in value:
            yield from _bytes_in(each)


class Installation:
    """An installation of processes, and somebody who asks it."""

    def __init__(self, port: int) -> None:
        self.http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30)
        # What was refused, and so was meant to show nothing.
        self.refusals: list[str] = []

    async def is_up(self) -> bool:
        """Whether the front door is open."""
        try:
            return (await self.http.get("/readyz")).is_success
        except httpx2.TransportError:
            return False

    async def ask(self, document: str, token: str | None = None, /, **variables: Any) -> Any:
        """The data of an answer."""
        answer = (await self.post({"query": document, "variables": variables}, token)).json()
        assert "errors" not in answer, answer
        return answer["data"]["result"]

    async def post(self, body: dict[str, Any], token: str | None) -> httpx2.Response:
        """The answer to a body."""
        headers = {"x-request-id": CONTROL} | ({} if token is None else {"authorization": f"Bearer {token}"})
        return await self.http.post("/graphql", json=body, headers=headers)

    async def refuse(self, document: str, token: str | None = None, /, **variables: Any) -> None:
        """Asks for what must be refused, and keeps the refusal."""
        self.refusals.append((await self.post({"query": document, "variables": variables}, token)).text)


# What is meant to be found, so that the search is known to work.
CONTROL = f"control-{uuid4().hex}"
IMPORT = "mutation ($i: ImportCodesInput!) { result: importCodes(input: $i) { ... on ImportCodesSuccess { batch { id } } ... on Failure { code message path } } }"
FIND = "mutation ($i: FindCodesInput!, $k: String) { result: findCodes(input: $i, idempotencyKey: $k) { ... on FindCodesSuccess { codes { id } } } }"
PLACE = """mutation ($i: PlaceOrderInput!) { result: placeOrder(input: $i, idempotencyKey: "canary") { ... on PlaceOrderSuccess {
  order { id code allocations(first: 5) { nodes { id } } } } ... on Failure { code message } } }"""
REVEAL = """mutation ($i: RevealCodeInput!) { result: revealCode(input: $i, idempotencyKey: "canary reveal") {
  ... on RevealCodeSuccess { code { plaintext } } } }"""
OWN = """mutation ($i: RevealOwnCodeInput!) { result: revealOwnCode(input: $i, idempotencyKey: "canary own") {
  ... on RevealOwnCodeSuccess { plaintext } } }"""
LINK = """mutation ($i: CreateDeliveryLinkInput!) { result: createDeliveryLink(input: $i, idempotencyKey: "canary link") {
  ... on CreateDeliveryLinkSuccess { url } } }"""
CLIENT = """mutation ($i: CreateApiClientInput!) { result: createApiClient(input: $i, idempotencyKey: "canary client") {
  ... on CreateApiClientSuccess { secret apiClient { clientId } } } }"""
SIGN_IN = "mutation ($i: SignInInput!) { result: signIn(input: $i) { ... on SignInSuccess { token } ... on Failure { code message } } }"
BUYER = "mutation ($i: SignInCustomerInput!) { result: signInCustomer(input: $i) { __typename ... on SignInCustomerSuccess { token } } }"
POOL = "query ($id: ID!) { result: node(id: $id) { ... on Pool { codes(first: 50, state: AVAILABLE) { nodes { id } } batches(first: 5) { nodes { state } } } } }"
KEPT = "query Kept { viewer { kind } }"
COST = {"amount": "1.00", "currency": "CNY"}


@pytest.fixture
async def world(settings: Settings, database: Database, queue: "redis.Redis") -> World:
    """A merchant with every kind of secret there is, made after the queue was emptied: its imports wait to be done."""
    assert database
    assert queue
    async with open_door(settings) as door:
        made, _ = await make_worlds(door)
    return made


async def test_no_secret_is_left_anywhere(
    world: World, queue_settings: Settings, queue: "redis.Redis", start: Start, tmp_path: Path
) -> None:
    port = free_port()
    start("fondaco_api", FONDACO_PORT=str(port))
    asked = Installation(port)
    await until(asked.is_up, seconds=STARTED_S)
    secrets = dict(world.secrets)
    hay = Haystack()

    trade = Trade(asked, world, secrets)
    await trade.sign_in()
    await trade.plant()
    start("fondaco_workers.relay")
    await until(lambda: _messages(queue), seconds=STARTED_S)
    hay.places["the queue before the worker"] = keys_of(queue)
    start(*WORKER)
    await until(trade.is_imported, seconds=STARTED_S)
    shown = await trade.sell()
    await trade.go_wrong()

    hay.places |= {
        "the database": await dump(queue_settings),
        "the queue": keys_of(queue),
        "the logs": (tmp_path / "processes.log").read_bytes(),
        "the metrics": (await asked.http.get("/metrics")).content,
        "the refusals": "\n".join(asked.refusals).encode(),
    }
    await asked.http.aclose()
    assert shown <= set(secrets.values()), "it was shown to who bought it"
    assert CONTROL.encode() in hay.places["the logs"]
    assert f"reference {world.tag}".encode() in hay.places["the database"]
    assert b"codes.import_batch" in hay.places["the queue before the worker"]
    assert KEPT.encode() in hay.places["the queue"]
    assert hay.find(secrets) == []


async def _messages(queue: "redis.Redis") -> bool:
    return b"codes.import_batch" in keys_of(queue)


class Trade:
    """What people do with the planted codes, and what goes wrong with them."""

    def __init__(self, asked: Installation, world: World, secrets: dict[str, str]) -> None:
        self.asked = asked
        self.world = world
        self.secrets = secrets
        self.inline, self.planted, self.stray = some_codes(1)[0], some_codes(3), some_codes(1)[0]
        secrets |= {"code inline": self.inline, "code stray": self.stray}
        secrets |= {f"code planted {place}": text for place, text in enumerate(self.planted)}
        self.owner = self.buyer = ""

    async def sign_in(self) -> None:
        """The owner and the buyer, with their passwords."""
        given = {"email": f"owner-{self.world.tag}@example.com", "password": PASSWORD.reveal(), "carrier": "TOKEN"}
        self.owner = (await self.asked.ask(SIGN_IN, i=given))["token"]
        store = {"store": self.world.store_slug, "contact": self.world.contact, "password": PASSWORD.reveal()}
        self.buyer = (await self.asked.ask(BUYER, i=store | {"carrier": "TOKEN"}))["token"]
        self.secrets |= {"session of owner": self.owner, "second session of buyer": self.buyer}

    async def plant(self) -> None:
        """Codes by an upload, and one by hand."""
        body = "\n".join([*self.planted, self.planted[0], self.stray + "\x00"])
        sent = await self.asked.http.post(
            "/uploads", content=body, headers={"authorization": f"Bearer {self.owner}", "x-filename": "codes.txt"}
        )
        pool = node_id("Pool", self.world.pool.id)
        given = {"poolId": pool, "unitCost": COST}
        await self.asked.ask(IMPORT, self.owner, i=given | {"uploadId": sent.json()["uploadId"]})
        await self.asked.ask(
            IMPORT, self.owner, i=given | {"lines": [self.inline, self.inline, f"{self.stray}\n{self.stray}"]}
        )
        await self.asked.ask(FIND, self.owner, i={"text": self.inline}, k="canary find")

    async def is_imported(self) -> bool:
        """Whether the worker has done all imports."""
        found = await self.asked.ask(POOL, self.owner, id=node_id("Pool", self.world.pool.id))
        return all(batch["state"] == "READY" for batch in found["batches"]["nodes"])

    async def sell(self) -> set[str]:
        """Shows codes through every door that may, and gives what was shown."""
        listing = node_id("Listing", await self._listing())
        bought = await self.asked.ask(
            PLACE, self.buyer, i={"lines": [{"listingId": listing, "quantity": 2}], "payBy": "WALLET"}
        )
        order, [first, _] = bought["order"], bought["order"]["allocations"]["nodes"]
        shown = {(await self.asked.ask(REVEAL, self.buyer, i={"allocationId": first["id"]}))["code"]["plaintext"]}
        made = await self.asked.ask(LINK, self.buyer, i={"orderId": order["id"], "opensMax": 2})
        page, _, secret = made["url"].partition("#")
        self.secrets["second link"] = secret
        path = "/" + page.split("/", 3)[3]
        opened = await self.asked.http.post(f"{path}/open", json={"secret": secret}, headers=ASKED_BY_SCRIPT)
        shown |= {unit["code"] for unit in opened.json()["units"]}
        headers = ASKED_BY_SCRIPT | {"authorization": f"Bearer {self.buyer}"}
        where = f"/s/{self.world.store_slug}/o/{order['code']}"
        state = await self.asked.http.get(f"{where}/state", headers=headers)
        self.asked.refusals.append(state.text)
        shown |= {
            unit["code"]
            for unit in (await self.asked.http.post(f"{where}/reveal", json={}, headers=headers)).json()["units"]
        }
        left = await self.asked.ask(POOL, self.owner, id=node_id("Pool", self.world.pool.id))
        own = {"id": left["codes"]["nodes"][0]["id"], "reason": "a buyer says that it does not work"}
        shown.add((await self.asked.ask(OWN, self.owner, i=own))["plaintext"])
        client = await self.asked.ask(CLIENT, self.owner, i={"name": "Machine", "scopes": ["orders.read"]})
        self.secrets["second client"] = client["secret"]
        form = {
            "grant_type": "client_credentials",
            "client_id": client["apiClient"]["clientId"],
            "client_secret": client["secret"],
        }
        self.secrets["second access"] = (await self.asked.http.post("/oauth/token", data=form)).json()["access_token"]
        return shown

    async def _listing(self) -> Any:
        async with governing(SYSTEM) as tx:
            return await tx.fetchval(
                "SELECT id FROM listing WHERE tenant_id = $1 AND state = 'ACTIVE'", self.world.tenant_id
            )

    async def go_wrong(self) -> None:
        """Everything that is refused, each time with a code where it does not belong."""
        code, quoted = self.stray, json.dumps(self.stray)
        pool, token = node_id("Pool", self.world.pool.id), self.owner
        given = {"poolId": pool, "unitCost": COST}
        for wrong in (
            {"lines": [code] * 1_500},
            {"lines": [f"{code},{code},{code}"], "format": "CSV"},
            {"lines": [code * 400]},
            {"text": f"code,pin\n{code}", "lines": [code]},
            {"lines": [code], "format": code},
            {"lines": [code], "expiresAt": code},
            {"lines": [code], "unitCost": {"amount": code, "currency": "CNY"}},
            {"lines": [code], "unitCost": {"amount": "1.00", "currency": code}},
            {"lines": [code], "poolId": code},
            {"lines": {"code": code}},
        ):
            await self.asked.refuse(IMPORT, token, i=given | wrong)
        for document in (
            f"mutation {{ findCodes(input: {{text: {quoted}",
            f"mutation {{ findCodes(input: {{text: {quoted}}}) {{ nothing }} }}",
            f"query {{ entitlements(first: {quoted}) {{ pageInfo {{ hasNextPage }} }} }}",
            f"query {{ entitlements(kind: {quoted}) {{ pageInfo {{ hasNextPage }} }} }}",
            f"query {{ node(id: {quoted}) {{ id }} }}",
            f"query {{ entitlements(after: {quoted}) {{ pageInfo {{ hasNextPage }} }} }}",
        ):
            await self.asked.refuse(document, token)
        await self.asked.refuse(
            "query ($n: Int) { entitlements(first: $n) { pageInfo { hasNextPage } } }", token, n=code
        )
        await self.asked.refuse("query ($n: ID!) { node(id: $n) { id } }", token, n=code)
        await self.asked.refuse("{ viewer { kind } }", f"fd_session_{code}")
        await self.asked.refuse(SIGN_IN, i={"email": f"{code}@example.com", "password": code, "carrier": "TOKEN"})
        await self.asked.refuse(
            BUYER, i={"store": self.world.store_slug, "contact": code, "password": code, "carrier": "TOKEN"}
        )
        await self._keep_a_document(code)
        await self._go_wrong_over_http(code)

    async def _keep_a_document(self, code: str) -> None:
        """A document that is to be kept by its hash, with a code written into it, and one that has none."""
        for document in (f"mutation {{ findCodes(input: {{text: {json.dumps(code)}}}) {{ __typename }} }}", KEPT):
            digest = hashlib.sha256(document.encode()).hexdigest()
            kept = {"query": document, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}
            assert "errors" not in (await self.asked.post(kept, self.owner)).json()

    async def _go_wrong_over_http(self, code: str) -> None:
        bearer = {"authorization": f"Bearer {self.owner}"}
        http = self.asked.http
        query = f'mutation {{ findCodes(input: {{text: "{code}"}}) {{ __typename }} }}'
        secret = {"client_secret": code}
        for request in (
            http.post("/graphql", content=code * (GRAPHQL_BODY_BYTES_MAX // 10), headers=bearer | JSON),
            http.post("/graphql", content=f'{{"query": "{code}', headers=bearer | JSON),
            http.post("/graphql", json=[code], headers=bearer),
            http.post("/uploads", content=code, headers={"authorization": f"Bearer {self.buyer}"}),
            http.post("/uploads", content=code, headers={"authorization": f"Bearer {code}{code}"}),
            http.post("/oauth/token", data=secret | {"grant_type": "client_credentials", "client_id": code}),
            http.post("/oauth/token", data=secret | {"grant_type": code}),
            http.post(f"/s/{self.world.store_slug}/r/{uuid4()}/open", json={"secret": code}, headers=ASKED_BY_SCRIPT),
            http.post(f"/s/{self.world.store_slug}/r/{code}/open", json={"secret": code}, headers=ASKED_BY_SCRIPT),
            http.get(f"/s/{self.world.store_slug}/o/{code}/state", headers=ASKED_BY_SCRIPT),
            http.get("/graphql", params={"query": query}, headers=bearer),
            http.get(f"/{code}", headers=bearer),
        ):
            # Who sends far too much is cut off, and may not even read why.
            with suppress(httpx2.TransportError):
                self.asked.refusals.append((await request).text)


JSON = {"content-type": "application/json"}


def test_the_search_finds_what_is_there() -> None:
    secret = "ABCD-EFGH-2345-6789"
    hidden = {
        "plain": b"x ABCD-EFGH-2345-6789 y",
        "hex": b"x" + secret.encode().hex().encode(),
        "wide": secret.encode("utf-16-le"),
        "backwards": secret[::-1].encode(),
        "base64": base64.b64encode(b"ab" + secret.encode() + b"c"),
        "escaped": "".join(f"\\u{ord(letter):04x}" for letter in secret).encode(),
        "hashed": hashlib.sha256(secret.encode()).hexdigest().encode(),
    }

    found = {where for _, where, _ in Haystack(hidden).find({"code": secret})}

    assert found == set(hidden)
