"""The doors that are plain HTTP refuse in the reader's language, where a person reads it."""

from collections.abc import AsyncIterator

import pytest

from fondaco_core import limits
from fondaco_core.config import Settings
from fondaco_core.db import Database
from fondaco_core.identity import MemberRole
from tests.support.door import Door, open_door
from tests.support.factories.identity import make_member_ctx
from tests.support.factories.tenancy import make_tenant

NOBODYS = "0190a3f2-7c1e-7d44-9f3b-3c5a1f6f0b11"
DOORS = [
    ("POST", "/uploads"),
    ("GET", f"/exports/{NOBODYS}"),
    ("GET", f"/stock-exports/{NOBODYS}"),
    ("POST", f"/imports/{NOBODYS}/lines"),
]


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[Door]:
    """The front door."""
    assert database
    async with open_door(settings) as opened:
        yield opened


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_strangers_foreign_pages_and_those_who_may_not_are_refused_in_their_language(
    door: Door, method: str, path: str
) -> None:
    auditor = await make_member_ctx(await make_tenant(), role=MemberRole.SUPPORT)
    foreign = {"origin": "https://evil.example"}

    for locale, ascii_ in (("zh-CN,zh;q=0.9", False), ("en", True), ("fr", True)):
        asked = {"accept-language": locale}
        told = [
            await door.send(path, method=method, headers={**asked, **foreign}),
            await door.send(path, method=method, headers={**asked, "authorization": "Bearer of-nobody-at-all"}),
            await door.send(path, method=method, headers=asked, ctx=auditor),
        ]

        assert [answer.status_code for answer in told[:2]] == [403, 401]
        assert told[2].status_code in {400, 403, 404}
        assert told[1].headers["www-authenticate"] == 'Bearer realm="fondaco"'
        for answer in told:
            assert answer.json().keys() == {"code", "message"}
            assert answer.json()["message"].isascii() is ascii_
            assert answer.headers["vary"] == "accept-language"


async def test_a_body_that_is_too_large_is_refused_in_its_senders_language(door: Door) -> None:
    large = b"x" * (limits.BODY_BYTES_MAX + 1)
    chinese = await door.send("/account/welcome", headers={"accept-language": "zh-CN"}, content=large)
    english = await door.send("/account/welcome", content=large)

    assert (chinese.status_code, english.status_code) == (413, 413)
    assert "不得超过" in chinese.text
    assert english.text.isascii()


async def test_credentials_that_have_ended_are_told_in_their_holders_language(door: Door) -> None:
    asked = {"authorization": "Bearer of-nobody-at-all", "accept-language": "zh-CN"}
    answer = await door.send("/graphql", headers=asked, json={"query": "{ __typename }"})

    assert answer.status_code == 401
    assert "请重新登录" in answer.json()["errors"][0]["message"]


async def test_machines_that_ask_for_tokens_are_told_in_the_letters_of_their_protocol(door: Door) -> None:
    form = {"content-type": "application/x-www-form-urlencoded", "accept-language": "zh-CN"}
    answer = await door.send("/oauth/token", headers=form, content=b"grant_type=client_credentials")

    assert answer.json()["error"] == "invalid_client"
    assert answer.text.isascii()


@pytest.mark.parametrize(
    ("path", "proxied"),
    [
        ("/nothing", {}),
        ("/assets/x/nothing", {}),
        ("/graphiql/nothing", {}),
        ("/metrics", {"x-forwarded-for": "203.0.113.9"}),
    ],
)
async def test_an_address_without_a_door_says_so_in_the_askers_language(
    door: Door, path: str, proxied: dict[str, str]
) -> None:
    chinese = await door.send(path, method="GET", headers={"accept-language": "zh-CN", **proxied})
    english = await door.send(path, method="GET", headers=proxied)

    assert (chinese.status_code, english.status_code) == (404, 404)
    assert chinese.json() == {"code": "NOT_FOUND", "message": "此地址没有内容。"}
    assert english.json()["message"].isascii()


async def test_who_opens_such_an_address_in_a_browser_gets_a_page(door: Door) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-language": "zh-CN"}

    answer = await door.send("/s/some-store", method="GET", headers=browser)

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_door_that_is_asked_in_another_way_says_so_and_which_it_takes(door: Door) -> None:
    chinese = await door.send("/uploads", method="GET", headers={"accept-language": "zh-CN"})

    assert (chinese.status_code, chinese.headers["allow"]) == (405, "POST")
    assert chinese.json() == {"code": "METHOD_NOT_ALLOWED", "message": "此地址不接受这种请求方法。"}
