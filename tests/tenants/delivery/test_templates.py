"""A template says what it may say, and nothing that a stranger's program would like to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fondaco_core.secret import Secret
from fondaco_tenants.delivery import TemplateInvalid, Words, default_words
from fondaco_tenants.delivery.rules import SAMPLE, SAMPLE_ATTACHED, check_words, fill
from fondaco_tenants.delivery.service.letters import LOCALES

LINK = "{{ link.url }}"


def words(text: str = LINK, *, subject: str = "Order {{ order.code }}", html: str = LINK) -> Words:
    return Words(subject, text, html)


@pytest.mark.parametrize("locale", LOCALES)
def test_our_own_words_are_right_and_say_what_matters(locale: str) -> None:
    check_words(default_words(locale))

    linked, attached = fill(default_words(locale), SAMPLE), fill(default_words(locale), SAMPLE_ATTACHED)

    assert SAMPLE.link_url is not None
    for part in (linked.text, linked.html):
        assert SAMPLE.link_url.reveal() in part
        assert SAMPLE.order_code in part
        assert "help@example.com" in part
    assert "Steam 50 <元>" in linked.text
    assert "Steam 50 &lt;元&gt;" in linked.html
    assert "FD-7K2M-9QXA-4TBC.zip" in attached.text
    assert "AES-256" in attached.html
    assert "#" not in linked.subject


@pytest.mark.parametrize(
    "escape",
    [
        "{{ ''.__class__ }}",
        "{{ order.__class__ }}",
        "{{ order['code'] }}",
        "{{ items[0] }}",
        "{{ self }}",
        "{{ config }}",
        "{{ lipsum() }}",
        "{{ cycler }}",
        "{{ range(10) }}",
        "{{ order.code.format }}",
        "{{ '%s' % order.code }}",
        "{{ 'a' * 9999999 }}",
        "{{ 9 ** 9999 }}",
        "{{ 'a' ~ 'b' }}",
        "{{ [1, 2] }}",
        "{{ {1: 2} }}",
        "{{ order|attr('code') }}",
        "{{ order.code|replace('a', 'b') }}",
        "{{ code }}",
        "{{ item.title }}",
        "{% for i in range(9) %}{% endfor %}",
        "{% for i in order %}{% endfor %}",
        "{% for i in items %}{% for j in items %}{% endfor %}{% endfor %}",
        "{% for i in items recursive %}{{ loop(items) }}{% endfor %}",
        "{% for i in items if gift %}{% endfor %}",
        "{% for order in items %}{% endfor %}",
        "{% for i in items %}{{ i.code }}{% endfor %}",
        "{% for i in items %}{{ loop.index }}{% endfor %}",
        "{% set x = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% import 'x' as x %}",
        "{% extends 'x' %}",
        "{% block b %}{% endblock %}",
        "{% call m() %}{% endcall %}",
        "{% filter upper %}{% endfilter %}",
        "{% with a = 1 %}{% endwith %}",
        "{% autoescape false %}{% endautoescape %}",
        "{{ order.code",
        "{% if gift %}",
        "{{ " + "(" * 200 + "1" + ")" * 200 + " }}",
        "x" * 30_000,
    ],
)
def test_what_is_not_of_the_language_is_refused_with_its_part_and_line(escape: str) -> None:
    for part in ("text", "html"):
        with pytest.raises(TemplateInvalid) as refused:
            check_words(words(f"first\n{LINK}\n{escape}") if part == "text" else words(html=f"first\n{LINK}\n{escape}"))

        assert refused.value.part == part
        assert refused.value.line in {1, 3}
        assert refused.value.path == (part,)


def test_a_subject_never_holds_the_link_and_a_body_always_does() -> None:
    for wrong in (words(subject=LINK), words("Hello"), words(html="<p>Hello</p>"), words(subject=" "), words("")):
        with pytest.raises(TemplateInvalid):
            check_words(wrong)


def test_a_subject_is_one_line() -> None:
    made = fill(words(subject="Order\r\nBcc: eve@evil.example\n{{ order.code }}"), SAMPLE)

    assert made.subject == f"Order Bcc: eve@evil.example {SAMPLE.order_code}"


@given(st.text(max_size=200))
def test_whatever_is_written_is_filled_in_or_refused_by_name(source: str) -> None:
    try:
        check_words(words(LINK + source, html=LINK + source, subject="x" + source[:100]))
    except TemplateInvalid:
        return
    assert fill(words(LINK + source), SAMPLE).text


def test_nothing_of_a_mail_prints() -> None:
    assert "#c2FtcGxl" not in repr(fill(words(), SAMPLE))
    assert isinstance(SAMPLE.link_url, Secret)


def test_a_thing_that_is_named_by_itself_reads_as_what_it_is_called() -> None:
    named = words(
        "{{ store }} {{ order }} {{ link }} {{ items }} {% for i in items %}{{ i }}{% endfor %}",
        subject="{{ store }}: {{ order }}",
    )
    check_words(named)

    written = fill(named, SAMPLE)

    assert SAMPLE.link_url is not None
    assert written.subject == f"{SAMPLE.store_name}: {SAMPLE.order_code}"
    assert written.text.startswith(
        f"{SAMPLE.store_name} {SAMPLE.order_code} {SAMPLE.link_url.reveal()} {SAMPLE.items[0].title}"
    )
    assert "{" not in written.text
