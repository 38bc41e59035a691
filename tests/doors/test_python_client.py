"""gql, the client of Python programs, over HTTP and over a socket."""

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.websockets import WebsocketsTransport

from tests.support.stage import TOKEN, serving, stage_app

AUTHORIZATION = {"authorization": f"Bearer {TOKEN}"}


async def test_a_python_program_reads_the_schema_and_asks() -> None:
    with serving(stage_app()) as address:
        transport = AIOHTTPTransport(url=f"http://{address}/graphql", headers=AUTHORIZATION)
        async with Client(transport=transport, fetch_schema_from_transport=True) as session:
            answer = await session.execute(gql("{ who players(first: 2) { nodes { number } } }"))

    assert answer == {"who": "API_CLIENT", "players": {"nodes": [{"number": 0}, {"number": 1}]}}


async def test_a_python_program_follows_a_subscription() -> None:
    with serving(stage_app()) as address:
        transport = WebsocketsTransport(url=f"ws://{address}/graphql", init_payload=AUTHORIZATION)
        async with Client(transport=transport) as session:
            counted = [answer["count"] async for answer in session.subscribe(gql("subscription { count(to: 3) }"))]

    assert counted == [1, 2, 3]
