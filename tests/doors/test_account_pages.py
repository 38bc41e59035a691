"""The pages that letters to people lead to, in a real browser: a refusal keeps what was typed, and a phone is enough."""

import pytest

from tests.doors.test_pages import browse
from tests.doors.test_passkeys import Home, home

__all__ = ["home"]

pytestmark = pytest.mark.usefixtures("database", "run_node")


@pytest.mark.parametrize(
    ("language", "told", "rule"),
    [("en-US", "This invitation does not hold any more", "10 characters"), ("zh-CN", "该邀请已失效", "10 个字符")],
)
async def test_a_refused_invitation_keeps_the_name_that_was_typed(
    home: Home, language: str, told: str, rule: str
) -> None:
    steps = [
        ("goto", f"{home.origin}/account/invitation#fd_invite_unknown"), ("wait", "input#name"), ("text", "label", "labels"),
        ("click", "input#name"), ("press", "L"), ("press", "i"),
        ("click", "input#password"), *[("press", each) for each in "fourwords!"], ("press", "Enter"), ("wait", "[role=alert]"),
        ("text", "[role=alert]", "told"), ("attribute", "input#name", "value", "name"),
        ("attribute", "input#password", "value", "password"), ("overflow", "overflow"), ("shot", f"invitation-{language}"),
    ]  # fmt: skip

    report = await browse(steps, language=language)

    seen = report["seen"]
    assert told in seen["told"][0]
    assert rule in seen["labels"][1]
    assert (seen["name"], seen["password"], seen["overflow"]) == ("Li", "", 0)
    # Only the token was refused, in an answer; nothing broke on the page.
    assert report["console"] == []
