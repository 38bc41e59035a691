"""Random graphs of merchants: the routes that are found are those that a plain search finds, in its order, and no others."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_core.db import trading
from fondaco_core.ids import ListingId, SourceId, TenantId, new_id
from fondaco_tenants import orders, routing
from tests.support.factories.catalog import make_entitlement, make_listing
from tests.support.factories.chains import ROUTER
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.storefront import make_store
from tests.support.factories.tenancy import make_tenant
from tests.support.invariants import assert_invariants
from tests.support.rows import as_owner

pytestmark = pytest.mark.usefixtures("database")


@dataclass(slots=True)
class Edge:
    """A source: what fills an offer or, without one, the listing."""

    offer: UUID | None
    priority: int
    enabled: bool
    pool: UUID | None
    target: UUID | None
    id: SourceId = field(default_factory=lambda: SourceId(new_id()))


@dataclass(slots=True)
class Graph:
    """Merchants with an offer each, what fills it, who agreed with whom, and who trades."""

    shop: TenantId
    listing: ListingId
    seller_of: dict[UUID, UUID]
    price_of: dict[UUID, int | None]
    published: dict[UUID, bool]
    edges: list[Edge]
    agreed: set[tuple[UUID, UUID]]
    active: set[UUID]

    def plain_search(self) -> Iterator[tuple[UUID, ...]]:
        """The sources of every open route, found by walking: priorities first to last, nobody twice, and no further than allowed."""
        yield from self._below(None, self.shop, (), ())

    def _below(
        self, offer: UUID | None, buyer: UUID, sellers: tuple[UUID, ...], path: tuple[UUID, ...]
    ) -> Iterator[tuple[UUID, ...]]:
        for edge in sorted((e for e in self.edges if e.offer == offer), key=lambda e: e.priority):
            if not edge.enabled:
                continue
            if edge.pool is not None:
                yield (*path, edge.id)
            elif edge.target is not None:
                seller = self.seller_of[edge.target]
                open_ = (
                    self.published[edge.target]
                    and seller in self.active
                    and (seller, buyer) in self.agreed
                    and self.price_of[edge.target] is not None
                )
                new = seller not in sellers and seller != self.shop and len(sellers) < limits.CHAIN_SELLERS_MAX
                if open_ and new:
                    yield from self._below(edge.target, seller, (*sellers, seller), (*path, edge.id))


async def make_graph(settings: Settings, rng: random.Random, merchants: int) -> Graph:
    """A graph with loops, doors that are shut, and merchants that never agreed."""
    shop = await make_tenant()
    owner = await make_member_ctx(shop)
    entitlement = await make_entitlement()
    store = await make_store(owner)
    listing = await make_listing(owner, store_id=store.id, entitlement_id=entitlement.id, order_max=1_000)
    tenants = [new_id() for _ in range(merchants)]
    offers = [new_id() for _ in range(merchants)]
    graph = Graph(
        shop=shop,
        listing=listing.id,
        seller_of=dict(zip(offers, tenants, strict=True)),
        price_of={offer: rng.choice([None, *range(100, 900, 50)]) for offer in offers},
        published={offer: rng.random() < 0.9 for offer in offers},
        edges=[],
        agreed=set(),
        active={tenant for tenant in tenants if rng.random() < 0.95},
    )
    pools: list[tuple[UUID, UUID]] = []
    for place, offer in enumerate([*offers, None]):
        buyer = shop if offer is None else graph.seller_of[offer]
        for priority in range(4 if offer is None else rng.randint(1, 2)):
            target = rng.choice(offers)
            pool = new_id() if offer is not None and (rng.random() < 0.4 or target == offer) else None
            if pool is not None:
                pools.append((pool, buyer))
            if pool is None and any(e.offer == offer and e.target == target for e in graph.edges):
                continue
            graph.edges.append(
                Edge(offer, priority * 7 + place % 3, rng.random() < 0.9, pool, None if pool is not None else target)
            )
            if pool is None and rng.random() < 0.9:
                graph.agreed.add((graph.seller_of[target], buyer))
    await _write(settings, graph, entitlement.id, pools)
    return graph


async def _write(settings: Settings, graph: Graph, entitlement: UUID, pools: list[tuple[UUID, UUID]]) -> None:
    tenants = list(graph.seller_of.values())
    tiers = {tenant: new_id() for tenant in tenants}
    async with as_owner(settings) as owner:
        await owner.execute(
            "INSERT INTO tenant (id, slug, name, state, applied_at, decided_at) SELECT id, 'g-' || right(replace(id::text, '-', ''), 20),"
            " 'M', state, now(), now() FROM unnest($1::uuid[], $2::text[]) AS t(id, state)",
            tenants, ["ACTIVE" if t in graph.active else "SUSPENDED" for t in tenants],
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO tenant_door (kind, name, tenant_id) SELECT 'TENANT', slug, id FROM tenant WHERE id = ANY($1)",
            tenants,
        )
        await owner.execute(
            "INSERT INTO partner (tenant_id, name, changed_at) SELECT id, 'M', now() FROM unnest($1::uuid[]) AS t(id)",
            [*tenants, graph.shop],
        )
        await owner.execute(
            "INSERT INTO tier (id, tenant_id, name, created_at) SELECT id, tenant_id, 'T', now()"
            " FROM unnest($1::uuid[], $2::uuid[]) AS t(id, tenant_id)",
            list(tiers.values()), list(tiers),
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO tier_terms (id, tenant_id, tier_id, starts_at, stock_view, credit_minor, settle_days, created_at)"
            " SELECT uuidv7(), tenant_id, id, now() - interval '1 day', 'EXACT', 0, 0, now() FROM tier WHERE id = ANY($1)",
            list(tiers.values()),
        )
        await owner.execute(
            "WITH a AS (INSERT INTO agreement (id, supplier_tenant_id, reseller_tenant_id, tier_id, state, created_at, changed_at)"
            " SELECT uuidv7(), s, r, t, 'ACTIVE', now(), now() FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS x(s, r, t) RETURNING *)"
            " INSERT INTO agreement_use (agreement_id, supplier_tenant_id, reseller_tenant_id, day, month)"
            " SELECT id, supplier_tenant_id, reseller_tenant_id, now(), date_trunc('month', now()) FROM a",
            [s for s, _ in graph.agreed], [r for _, r in graph.agreed], [tiers[s] for s, _ in graph.agreed],
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO offer (id, tenant_id, entitlement_id, title, currency, state, in_market, created_at, published_at, withdrawn_at)"
            " SELECT id, t, $3, 'O', 'CNY', CASE WHEN p THEN 'PUBLISHED' ELSE 'WITHDRAWN' END, false, now(), now(),"
            " CASE WHEN NOT p THEN now() END FROM unnest($1::uuid[], $2::uuid[], $4::boolean[]) AS o(id, t, p)",
            list(graph.seller_of), tenants, entitlement, [graph.published[o] for o in graph.seller_of],
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO offer_price (id, tenant_id, offer_id, tier_id, starts_at, from_units, unit_price_minor, created_at)"
            " SELECT uuidv7(), t, o, i, now() - interval '1 day', 1, p, now()"
            " FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[]) AS x(t, o, i, p)",
            tenants, list(graph.seller_of), [tiers[t] for t in tenants], [graph.price_of[o] for o in graph.seller_of],
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO code_pool (id, tenant_id, entitlement_id, name, created_at) SELECT p, t, $3, 'P', now()"
            " FROM unnest($1::uuid[], $2::uuid[]) AS x(p, t)",
            [p for p, _ in pools], [t for _, t in pools], entitlement,
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO source (id, tenant_id, listing_id, offer_id, kind, pool_id, supplier_offer_id, priority, enabled, created_at)"
            " SELECT i, t, l, o, CASE WHEN p IS NULL THEN 'OFFER' ELSE 'POOL' END, p, s, n, e, now()"
            " FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::bigint[], $8::boolean[])"
            " AS x(i, t, l, o, p, s, n, e)",
            [e.id for e in graph.edges],
            [graph.shop if e.offer is None else graph.seller_of[e.offer] for e in graph.edges],
            [graph.listing if e.offer is None else None for e in graph.edges], [e.offer for e in graph.edges],
            [e.pool for e in graph.edges], [e.target for e in graph.edges], [e.priority for e in graph.edges],
            [e.enabled for e in graph.edges],
        )  # fmt: skip
        await owner.execute(
            "INSERT INTO route_due (id, offer_id, since) SELECT uuidv7(), o, now() FROM unnest($1::uuid[]) AS x(o)",
            list(graph.seller_of),
        )


async def found_routes(graph: Graph) -> list[tuple[UUID, ...]]:
    """The sources of the routes that an order would look at, all of them, in their order."""
    owner = await make_member_ctx(graph.shop)
    async with trading(owner) as tx:
        routes = await orders.open_routes(tx, ROUTER, listing_ids=[graph.listing], count=None)
    return [(route.source_id, *(leg.source_id for leg in route.legs)) for route in routes]


@pytest.mark.parametrize("merchants", [3, 6, 12, 25, 50, 100, 200])
async def test_the_routes_of_a_random_graph_are_those_of_a_plain_search(settings: Settings, merchants: int) -> None:
    rng = random.Random(merchants)  # noqa: S311 - the same graph each time
    graph = await make_graph(settings, rng, merchants)

    await routing.rebuild_routes(ROUTER)

    wanted = list(graph.plain_search())
    assert await found_routes(graph) == wanted
    assert wanted, "a graph without any route shows nothing"
    # What is taken away and what comes is worked out from there, upwards.
    gone = rng.choice([e for e in graph.edges if e.pool is not None and e.offer is not None])
    async with as_owner(settings) as owner:
        await owner.execute("DELETE FROM source WHERE id = $1", gone.id)
        await owner.execute("INSERT INTO route_due (id, offer_id, since) VALUES (uuidv7(), $1, now())", gone.offer)
    graph.edges.remove(gone)
    assert await found_routes(graph) == list(graph.plain_search()), "a step that is gone is not sold over from then on"
    await routing.rebuild_routes(ROUTER)
    assert await found_routes(graph) == list(graph.plain_search())
    await assert_invariants()
