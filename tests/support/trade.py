"""An installation of processes, somebody who asks it, and what people do there with planted codes."""

import hashlib
import json
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx2

from fondaco_core.context import system_ctx
from fondaco_core.db import governing
from fondaco_core.limits import GRAPHQL_BODY_BYTES_MAX
from tests.support.factories.codes import some_codes
from tests.support.world import ASKED_BY_SCRIPT, PASSWORD, World, node_id

SYSTEM = system_ctx("canary", permissions=frozenset({"system.run"}))
JSON = {"content-type": "application/json"}


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
        assert "message" not in (answer["data"]["result"] or {}), answer
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
        listing = node_id("Listing", await self.listing())
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

    async def listing(self) -> Any:
        """What the store sells."""
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

    async def import_badly(self) -> None:
        """Asks for an import that fails in a way that is no refusal."""
        given = {"poolId": node_id("Pool", self.world.pool.id), "unitCost": COST, "lines": [self.stray]}
        answer = await self.asked.post({"query": IMPORT, "variables": {"i": given}}, self.owner)
        assert answer.json()["errors"]
        self.asked.refusals.append(answer.text)

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
