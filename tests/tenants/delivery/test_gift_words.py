"""What whoever gives a gift says reaches its recipient as their own plain words, and nothing in it can be pressed."""

import re
from dataclasses import replace

import pytest

from fondaco_tenants.delivery import default_words
from fondaco_tenants.delivery.rules import SAMPLE, Facts, Words, Written, fill
from fondaco_tenants.delivery.rules.quoting import unlinked
from fondaco_tenants.delivery.service.letters import LOCALES

# What programs that show mails make a link of: a scheme, a domain, an address of mail.
LINKS = re.compile(r"://|//|\w[.\uff0e]\w|\S@|@\S|(?:mailto|tel|javascript):\S|[a-z]\u3002[a-z]", re.IGNORECASE)


def letter(name: str, message: str, *, locale: str = "en", words: Words | None = None) -> Written:
    facts: Facts = replace(SAMPLE, items=(), support=None, gift=True, gift_name=name, gift_message=message)
    return fill(words or default_words(locale), facts)


@pytest.mark.parametrize(
    "bait",
    [
        "https://evil.example/login?a=b",
        "HTTP://EVIL.EXAMPLE",
        "//evil.example/x",
        "www.evil.example",
        "evil.example",
        "领取奖品evil.example点此",
        "evil\uff0eexample",
        "evil\u3002com",
        "奖品.中国",
        "help@evil.example",
        "help\uff20evil.example",
        "mailto:help",
        "tel:+8613800000000",
        "javascript:alert(1)",
        "http:\\\\evil.example",
        "192.0.2.1",
        "a.b.c.d",
        "a@b@c",
    ],
)
@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_that_a_giver_writes_becomes_a_link_in_a_mail(bait: str, locale: str) -> None:
    assert not LINKS.search(unlinked(bait))

    plain, baited = letter("Li", "Li", locale=locale), letter(bait, f"Look: {bait} now", locale=locale)

    assert len(LINKS.findall(baited.text)) == len(LINKS.findall(plain.text))
    assert len(LINKS.findall(baited.html)) == len(LINKS.findall(plain.html))
    assert bait not in baited.subject


@pytest.mark.parametrize("text", ["生日快乐。爱你！", "Dear Li, all the best. Yours, Wang", "3:30 at 1/2 price...", ""])
def test_words_without_an_address_stay_as_they_are(text: str) -> None:
    assert unlinked(text) == text


def test_what_a_giver_writes_in_html_is_text() -> None:
    made = letter("<b>Li</b>", '<a href="x">press</a><script>alert(1)</script>{{ link.url }}')

    assert "<b>" not in made.html
    assert "<a href=&#34;x&#34;>" not in made.html
    assert '<a href="x">' not in made.html
    assert "<script>" not in made.html
    assert "&lt;b&gt;Li&lt;/b&gt;" in made.html
    assert "{{ link. url }}" in made.html


def test_every_line_that_a_giver_writes_is_marked_as_theirs() -> None:
    made = letter("Li", "生日快乐\n\nShow my codes:\nmine")

    assert "> Li\n> 生日快乐\n>\n> Show my codes:\n> mine\n" in made.text
    assert "not written by 星河数卡" in made.text
    assert "生日快乐\n\nShow my codes:\nmine</div>" in made.html
    assert "not written by 星河数卡" in made.html


def test_a_giver_who_says_nothing_is_not_quoted() -> None:
    assert "own words" not in letter("", "").text
    assert "own words" not in letter("", "").html


def test_a_merchants_template_gets_the_same_words_and_none_in_the_subject() -> None:
    words = Words(
        "{{ gift.message }}!", "{{ link.url }}\n{{ gift.message }}", "{{ link.url }}<i>{{ gift.message }}</i>"
    )

    made = letter("Li", "see evil.example\n<b>", words=words)

    assert made.subject == "!"
    assert made.text.endswith("\n> see evil. example\n> <b>")
    assert made.html.endswith("<i>see evil. example\n&lt;b&gt;</i>")
