"""Requests to the outside: to addresses that were looked at, within a time and a size, and nothing of them told."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Sequence

import pytest
import structlog

from fondaco_core.config import Network, Settings, read_settings
from fondaco_core.errors import SettingError
from fondaco_core.http import Client, ForbiddenAddress, Reach, Request, Resolver, Unanswered, is_public
from tests.support.receiver import LOOPBACK, Received, Receiver, receiving, says

SECRET = "canary-5L2Q"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


# The clients of one test.
MADE: list[Client] = []


def made_client(networks: Sequence[Network] = LOOPBACK, resolve: Resolver | None = None) -> Client:
    """A client that is closed when the test ends."""
    MADE.append(Client(networks=networks, resolve=resolve))
    return MADE[-1]


@pytest.fixture(autouse=True)
async def closing() -> AsyncIterator[None]:
    yield
    while MADE:
        await MADE.pop().close()


@pytest.fixture
def client() -> Client:
    return made_client()


def giving(*addresses: str) -> Resolver:
    """A resolver that knows one answer."""

    async def resolve(_: str) -> Sequence[str]:
        return addresses

    return resolve


async def test_an_exchange_brings_status_headers_and_body(client: Client, receiver: Receiver) -> None:
    receiver.answers = [says(418, b"short and stout", X_Kind="teapot")]

    answer = await client.send(Request("POST", receiver.url, headers={"X-Given": "1"}, body=b"tea"))

    (received,) = receiver.received
    assert (answer.status, answer.headers["x-kind"], answer.body) == (418, "teapot", b"short and stout")
    assert (received.method, received.body, received.headers["x-given"]) == ("POST", b"tea", "1")
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"


async def test_a_connection_is_used_again_for_its_host(client: Client, receiver: Receiver) -> None:
    for _ in range(3):
        await client.send(Request("GET", receiver.url))

    assert (len(receiver.received), receiver.connections) == (3, 1)


async def test_a_redirect_is_an_answer_and_not_followed(client: Client, receiver: Receiver) -> None:
    receiver.answers = [says(302, location=f"http://127.0.0.1:{receiver.port}/other")]

    answer = await client.send(Request("GET", receiver.url))

    assert answer.status == 302
    assert len(receiver.received) == 1


async def test_cookies_and_proxies_do_not_exist(
    client: Client, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    receiver.answers = [says(200, set_cookie="a=b")]

    for _ in range(2):
        await client.send(Request("GET", receiver.url))

    assert all("cookie" not in received.headers for received in receiver.received)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "0.0.0.0",  # noqa: S104 - looked at, not bound
        "255.255.255.255", "224.0.0.1", "168.63.129.16", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "2002:7f00:1::", "2001::1",
        "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::808:808", "fec0::1",
    ],
)  # fmt: skip
async def test_no_address_but_a_public_one_is_reached(address: str) -> None:
    strict = made_client((), giving(address))

    with pytest.raises(ForbiddenAddress):
        await strict.send(Request("GET", "https://shop.example/"))
    with pytest.raises(ForbiddenAddress):
        await strict.check("https://shop.example/")


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example/", "file:///etc/passwd", "https://user:pass@shop.example/", "https:///x", "shop.example",
        "", "https://" + "a" * 3_000, "gopher://shop.example", "https://shop.example:99999/",
    ],
)  # fmt: skip
async def test_what_is_no_url_to_send_to_is_refused(url: str, client: Client) -> None:
    with pytest.raises(ForbiddenAddress):
        await client.send(Request("GET", url))


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    client = made_client((), giving("8.8.8.8", "::1"))

    with pytest.raises(ForbiddenAddress):
        await client.send(Request("GET", "https://shop.example/"))


async def test_numbers_in_other_clothes_are_looked_up_before_they_are_judged() -> None:
    client = made_client(())

    for host in ("2130706433", "0x7f.1", "0177.0.0.1", "localhost"):
        with pytest.raises((ForbiddenAddress, Unanswered)):
            await client.send(Request("GET", f"https://{host}/"))


async def test_plain_http_goes_nowhere_but_where_a_setting_says() -> None:
    client = made_client(resolve=giving("8.8.8.8"))

    with pytest.raises(ForbiddenAddress):
        await client.send(Request("GET", "http://shop.example/"))


async def test_the_name_is_looked_up_once_and_what_was_looked_at_is_connected_to(receiver: Receiver) -> None:
    asked: list[str] = []

    async def rebinding(host: str) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    client = made_client(resolve=rebinding)
    answer = await client.send(Request("GET", f"http://shop.example:{receiver.port}/"))
    await client.close()
    with pytest.raises(ForbiddenAddress):
        await client.send(Request("GET", f"http://shop.example:{receiver.port}/"))

    assert (answer.status, asked) == (200, ["shop.example"] * 2)
    assert [received.headers["host"] for received in receiver.received] == [f"shop.example:{receiver.port}"]


async def test_another_address_of_the_name_is_tried_when_one_does_not_answer(receiver: Receiver) -> None:
    client = made_client(resolve=giving("127.0.0.2", "127.0.0.1"))

    answer = await client.send(Request("GET", f"http://shop.example:{receiver.port}/"))

    assert answer.status == 200


async def test_what_the_operator_configured_may_be_private(receiver: Receiver) -> None:
    client = made_client(())

    answer = await client.send(Request("GET", receiver.url, reach=Reach.CONFIGURED))

    assert answer.status == 200


async def test_a_body_that_drips_ends_with_the_deadline_and_counts_as_sent(client: Client, receiver: Receiver) -> None:
    async def drip(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    receiver.answers = [drip]

    with pytest.raises(Unanswered) as raised:
        await client.send(Request("GET", receiver.url, timeout_s=0.2))

    assert (raised.value.reason, raised.value.sent) == ("deadline", True)


async def test_a_huge_answer_is_refused_or_cut(client: Client, receiver: Receiver) -> None:
    receiver.answers = [says(200, b"x" * 100_000)]

    with pytest.raises(Unanswered) as raised:
        await client.send(Request("GET", receiver.url, answer_bytes_max=1_000))
    cut = await client.send(Request("GET", receiver.url, answer_bytes_max=1_000, cut=True))

    assert (raised.value.reason, raised.value.sent) == ("size", True)
    assert len(cut.body) == 1_000


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01 not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"",
    ],
)
async def test_garbage_is_no_answer(client: Client, receiver: Receiver, garbage: bytes) -> None:
    async def babble(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(garbage)
        writer.close()

    receiver.answers = [babble]

    with pytest.raises(Unanswered) as raised:
        await client.send(Request("GET", receiver.url, timeout_s=5.0))

    assert raised.value.sent


async def test_what_never_connected_was_not_sent(client: Client, receiver: Receiver) -> None:
    with pytest.raises(Unanswered) as refused:
        await client.send(Request("POST", "http://127.0.0.1:1/", body=b"x"))
    with pytest.raises(Unanswered) as plain:
        await client.send(Request("POST", receiver.url.replace("http:", "https:"), body=b"x", timeout_s=5.0))

    assert (refused.value.reason, refused.value.sent) == ("connect", False)
    assert not plain.value.sent
    assert receiver.received == []


async def test_nothing_of_an_exchange_shows(
    client: Client, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [says(200, SECRET.encode()), says(200, b"x" * 10_000)]
    request = Request(
        "POST",
        f"{receiver.url}&key={SECRET}",
        headers={"authorization": SECRET},
        body=SECRET.encode(),
        answer_bytes_max=50,
    )
    with structlog.testing.capture_logs() as logged, caplog.at_level("INFO"):
        answer = await client.send(request)
        with pytest.raises(Unanswered) as raised:
            await client.send(request)

    told = f"{request!r} {answer!r} {raised.value!r} {raised.value.__cause__!r} {logged} {caplog.text}"
    assert SECRET not in told


async def test_a_slow_resolver_ends_with_the_deadline() -> None:
    async def hang(_: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    client = made_client((), hang)

    with pytest.raises(Unanswered) as raised:
        await client.send(Request("GET", "https://shop.example/", timeout_s=0.1))

    assert (raised.value.reason, raised.value.sent) == ("deadline", False)


def test_the_setting_names_networks() -> None:
    read = read_settings({"FONDACO_REACHABLE_NETWORKS": "10.1.0.0/16, ::1/128"})

    assert [str(network) for network in read.reachable_networks] == ["10.1.0.0/16", "::1/128"]
    assert Settings().reachable_networks == ()
    with pytest.raises(SettingError):
        read_settings({"FONDACO_REACHABLE_NETWORKS": "10.1.0.1/16"})
