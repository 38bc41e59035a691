"""Words of a mail: what a template may say, and the mail that comes of it. Pure.

A merchant's template is a program of strangers that we run. So the language is cut down to naming what is named here, asking
`if`, and one `for` over the items: no calls, no arithmetic, no macros, no includes, no attributes but those of VOCABULARY. What is
left cannot loop longer than an order has items. It runs in Jinja's immutable sandbox all the same, and its length is bounded
before and after. There is no name for a code, so no template can print one. The link, which opens the codes, and what the giver
of a gift says are printed whole or asked for with `if`, and never compared or changed: no letter tells them by its looks. Where
they may stand is checked whenever a mail is written, as its words were saved under the rules of their day.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from fondaco_core import limits
from fondaco_core.secret import Secret
from fondaco_tenants.delivery.errors import TemplateInvalid
from fondaco_tenants.delivery.rules.quoting import quoted, unlinked
from fondaco_tenants.delivery.rules.templates_html import Guarded, check_html, check_text

# What a template may name, and what each of these has.
VOCABULARY: Final[Mapping[str, frozenset[str]]] = {
    "order": frozenset({"code", "total", "units"}),
    "store": frozenset({"name", "support"}),
    "link": frozenset({"url", "opens", "expires"}),
    "attachment": frozenset({"name"}),
    "items": frozenset(),
    "gift": frozenset({"name", "message"}),
    "replacement": frozenset(),
}
ITEM: Final = frozenset({"title", "quantity", "redemption", "restrictions"})
FILTERS: Final = frozenset({"upper", "lower", "trim", "length", "default"})
# Names of what a letter prints as it is, or not.
_GUARDED: Final = frozenset({"link", "gift"})
_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.If, nodes.For, nodes.Const,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Filter,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """A template: the three parts of a mail."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the order as a mail names it."""

    title: str
    quantity: int
    redemption: str
    restrictions: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a mail may tell. Exactly one of `link_url` and `attachment_name` is set."""

    order_code: str
    total: str
    units: int
    store_name: str
    support: str | None
    items: Sequence[Item]
    gift: bool
    # By which name whoever gives it addresses the recipient, and what they say; empty when nothing.
    gift_name: str = ""
    gift_message: str = ""
    # Whether it brings one unit in place of a bad one.
    replacement: bool = False
    link_url: Secret[str] | None = None
    link_opens: int = 0
    link_expires: str = ""
    attachment_name: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A mail's words, filled in. They hold the link, so that they print as nothing."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


def check_words(words: Words) -> None:
    """Refuses with TemplateInvalid, part and line, what is no template of ours; tried out with what deliveries may have."""
    _check_language(words)
    if not words.subject.strip() or not words.text.strip() or not words.html.strip():
        raise TemplateInvalid("subject" if not words.subject.strip() else "text", 1, "it is empty", "内容为空")
    for part in ("text", "html"):
        written = getattr(fill(words, SAMPLE), part)
        if SAMPLE.link_url is None or SAMPLE.link_url.reveal() not in written:
            raise TemplateInvalid(
                part,
                1,
                "{{ link.url }} is missing: nobody could open the delivery",
                "缺少 {{ link.url }}，买家将无法打开",
            )
    fill(words, SAMPLE_ATTACHED)
    fill(words, replace(SAMPLE, gift=True, gift_name="Li", gift_message="生日快乐"))


def fill(words: Words, facts: Facts) -> Written:
    """The mail that a template makes of the facts.

    Raises TemplateInvalid for one that grows beyond all measure, or would tell somebody else what it says.
    """
    _check_language(words)
    written = _written(words, facts)
    # The same mail with marks in place of what is guarded: nothing but whether it is there decides what the mail says.
    marked = _written(
        words,
        replace(
            facts,
            link_url=None if facts.link_url is None else Secret(_MARKS.link),
            gift_name=_MARKS.said[0] if facts.gift_name else "",
            gift_message=_MARKS.said[1] if facts.gift_message else "",
        ),
    )
    check_text(marked.text, _MARKS)
    check_html(marked.html, _MARKS)
    return written


_MARKS: Final = Guarded("https://x9link8x.invalid/s/r/1#x9secret8x", ("x9giver8x", "x9message8x"))


def _written(words: Words, facts: Facts) -> Written:
    named = _named(facts)
    # A subject travels in the open and is quoted in logs: it is not even told the link, nor what strangers say.
    subject = _render("subject", words.subject, {**named, "link": None, "gift": facts.gift}, html=False)
    written = Written(
        " ".join(subject.split())[: limits.TEMPLATE_SUBJECT_CHARS_MAX],
        _render("text", words.text, {**named, "gift": _said(facts, quoting=True)}, html=False),
        _render("html", words.html, named, html=True),
    )
    if len(written.text) + len(written.html) > limits.LETTER_CHARS_MAX:
        raise TemplateInvalid("html", 1, "it grows too long with a large order", "大订单时内容过长")
    return written


class _Thing(dict[str, Any]):
    """What a template names: by itself it reads as its first part, as whoever writes `{{ store }}` means it."""

    def __str__(self) -> str:
        return str(next(iter(self.values())))


class _Things(list[_Thing]):
    """What a loop goes over; by itself it reads as the things, with commas between."""

    def __str__(self) -> str:
        return ", ".join(map(str, self))


def _named(facts: Facts) -> dict[str, Any]:
    return {
        "order": _Thing(code=facts.order_code, total=facts.total, units=facts.units),
        "store": _Thing(name=facts.store_name, support=facts.support),
        "link": None
        if facts.link_url is None
        else _Thing(url=facts.link_url.reveal(), opens=facts.link_opens, expires=facts.link_expires),
        "attachment": None if facts.attachment_name is None else _Thing(name=facts.attachment_name),
        "items": _Things(_Thing(asdict(item)) for item in facts.items[: limits.LETTER_ITEMS_MAX]),
        "gift": _said(facts, quoting=False),
        "replacement": facts.replacement,
    }


def _said(facts: Facts, *, quoting: bool) -> _Thing | None:
    """What whoever gives it says: nothing to press in it, and in plain text every line marked as not ours."""
    if not facts.gift:
        return None
    name, message = unlinked(facts.gift_name), unlinked(facts.gift_message)
    return _Thing(name=quoted(name), message=quoted(message)) if quoting else _Thing(name=name, message=message)


def _environment(*, html: bool) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        autoescape=html, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.ChainableUndefined, cache_size=0
    )
    made.globals.clear()
    made.tests.clear()
    made.filters = {name: made.filters[name] for name in FILTERS}
    return made


_PLAIN: Final = _environment(html=False)
_HTML: Final = _environment(html=True)


def _render(part: str, source: str, named: Mapping[str, Any], *, html: bool) -> str:
    try:
        return (_HTML if html else _PLAIN).from_string(source).render(**named)
    except jinja2.TemplateError as error:
        raise TemplateInvalid(part, getattr(error, "lineno", None) or 1, "it cannot be filled in", "无法生成") from None
    except (TypeError, ValueError, OverflowError):
        raise TemplateInvalid(part, 1, "it cannot be filled in", "无法生成") from None


def _check_language(words: Words) -> None:
    _check_part("subject", words.subject, most=limits.TEMPLATE_SUBJECT_CHARS_MAX)
    _check_part("text", words.text, most=limits.TEMPLATE_CHARS_MAX)
    _check_part("html", words.html, most=limits.TEMPLATE_CHARS_MAX)


def _check_part(part: str, source: str, *, most: int) -> None:
    if len(source) > most:
        raise TemplateInvalid(part, 1, f"it is longer than {most} characters", f"超过 {most} 个字符")
    try:
        tree = _PLAIN.parse(source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateInvalid(part, error.lineno or 1, "it does not read as a template", "模板语法错误") from None
    except ValueError:
        raise TemplateInvalid(part, 1, "it does not read as a template", "模板语法错误") from None
    except RecursionError:
        raise _too_deep(part) from None
    if _depth(tree) > limits.TEMPLATE_DEPTH_MAX:
        raise _too_deep(part)
    found = list(_walk(tree))
    if len(found) > limits.TEMPLATE_NODES_MAX:
        raise TemplateInvalid(part, 1, "it has too many parts", "内容过于复杂")
    for node, items, looping in found:
        _check_node(part, node, items=items, looping=looping)


def _too_deep(part: str) -> TemplateInvalid:
    return TemplateInvalid(part, 1, "it is nested too deep", "嵌套过深")


def _depth(tree: nodes.Node) -> int:
    """How deep a template is nested: filling it in goes down as far, in a process that is down already."""
    deepest, level = 0, [tree]
    while level:
        deepest, level = deepest + 1, [child for node in level for child in node.iter_child_nodes()]
    return deepest


def _walk(
    node: nodes.Node, items: frozenset[str] = frozenset(), *, looping: bool = False
) -> Iterator[tuple[nodes.Node, frozenset[str], bool]]:
    """Every node with the names that stand for an item there, and whether it is inside a loop."""
    yield node, items, looping
    for child in node.iter_child_nodes():
        inner = isinstance(node, nodes.For) and child is not node.iter
        target = node.target if isinstance(node, nodes.For) else None
        named = items | {target.name} if inner and isinstance(target, nodes.Name) else items
        yield from _walk(child, named, looping=looping or inner)


def _check_node(part: str, node: nodes.Node, *, items: frozenset[str], looping: bool) -> None:
    wrong: tuple[str, str] | None = None
    if not isinstance(node, _ALLOWED):
        kind = type(node).__name__.lower()
        wrong = (f"'{kind}' is not part of the language of templates", f"模板不支持“{kind}”")
    else:
        match node:
            case nodes.For():
                wrong = _wrong_loop(node, looping=looping)
            case nodes.Name():
                wrong = _wrong_name(part, node.name, items)
            case nodes.Getattr():
                wrong = _wrong_attribute(node, items)
            case nodes.Filter():
                wrong = _wrong_filter(node)
            case nodes.Compare():
                wrong = _wrong_use(node)
            case _:
                pass
    if wrong is not None:
        raise TemplateInvalid(part, node.lineno or 1, *wrong)


def _wrong_filter(node: nodes.Filter) -> tuple[str, str] | None:
    if node.name not in FILTERS:
        return f"there is no filter '{node.name}'", f"没有名为“{node.name}”的过滤器"
    if node.name != "default" and (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs):
        return f"'{node.name}' takes nothing in brackets", f"“{node.name}”不带参数"
    return _wrong_use(node)


def _wrong_use(node: nodes.Node) -> tuple[str, str] | None:
    for name in node.find_all(nodes.Name):
        if name.name in _GUARDED:
            return (
                f"'{name.name}' is printed as it is or asked for with 'if', not compared or changed",
                f"“{name.name}”只能原样输出或用 if 判断，不能比较或修改",
            )
    return None


def _wrong_loop(node: nodes.For, *, looping: bool) -> tuple[str, str] | None:
    over_items = isinstance(node.iter, nodes.Name) and node.iter.name == "items"
    if not over_items or not isinstance(node.target, nodes.Name):
        return "a loop goes over items, and nothing else", "循环只能遍历 items"
    if looping or node.recursive or node.test is not None or node.target.name in VOCABULARY:
        return "one simple loop at a time", "循环不能嵌套或带条件"
    return None


def _wrong_name(part: str, name: str, items: frozenset[str]) -> tuple[str, str] | None:
    if name not in VOCABULARY and name not in items:
        return f"there is no '{name}'", f"没有名为“{name}”的内容"
    if part == "subject" and name == "link":
        return "a subject does not hold the link", "主题中不能包含链接"
    return None


def _wrong_attribute(node: nodes.Getattr, items: frozenset[str]) -> tuple[str, str] | None:
    base = node.node.name if isinstance(node.node, nodes.Name) else ""
    known = ITEM if base in items else VOCABULARY.get(base, frozenset())
    return None if node.attr in known else (f"'{base}' has no '{node.attr}'", f"“{base}”没有“{node.attr}”")


SAMPLE: Final = Facts(
    order_code="FD-7K2M-9QXA-4TBC",
    total="CNY 96.00",
    units=2,
    store_name="星河数卡",
    support="help@example.com",
    items=(Item("Steam 50 <元>", 2, "在客户端中点击“兑换”。", "仅限国区账户。"),),
    gift=False,
    link_url=Secret("https://shop.example/s/store/r/0190#c2FtcGxl-c2FtcGxl"),
    link_opens=5,
    link_expires="2026-12-22",
)
SAMPLE_ATTACHED: Final = Facts(
    order_code="FD-7K2M-9QXA-4TBC", total="CNY 96.00", units=2, store_name="星河数卡", support=None,
    items=(Item("Steam 50", 2, "Press redeem.", None),), gift=True, gift_name="Li", gift_message="生日快乐", attachment_name="FD-7K2M-9QXA-4TBC.zip",
)  # fmt: skip
