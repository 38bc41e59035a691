"""A template that nobody could read is refused when it is saved, and does not break where mails are written."""

import pytest

from fondaco_tenants.delivery import TemplateInvalid
from fondaco_tenants.delivery.rules import Words, check_words

LINK = "{{ link.url }}"


@pytest.mark.parametrize(
    "text",
    [
        "{% if gift %}" * 120 + "x" + "{% endif %}" * 120,
        "{{ " + "not " * 400 + "gift }}",
        "{{ " + " and ".join(["gift"] * 900) + " }}",
        "{{ " + "1 if gift else " * 150 + "2 }}",
        "{{ 'x'" + "|upper" * 400 + " }}",
        "{{ " + "(" * 300 + "gift" + ")" * 300 + " }}",
        "{{ " + "9" * 6_000 + " }}",
    ],
    ids=["if", "not", "and", "else", "filter", "bracket", "number"],
)
def test_a_template_of_endless_nesting_is_refused_by_name(text: str) -> None:
    with pytest.raises(TemplateInvalid):
        check_words(Words("Your order", text + LINK, LINK))


def test_conditions_as_people_write_them_are_within_the_bounds() -> None:
    words = "{% if gift %}{% for item in items %}{% if item.restrictions and not gift %}{{ item.title|trim|upper }}{% elif gift %}b{% endif %}{% endfor %}{% endif %}"

    check_words(Words("Your order", words + LINK, words + LINK))
