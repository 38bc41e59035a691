"""Where a letter may say its link, and what its HTML may be at all: a letter loads nothing, and hands nothing on. Pure.

Who writes a merchant's letters may not see codes, and the link in a letter opens them. So it stands as the whole of an `<a>`'s
`href`, or as an address of its own in the text, and nowhere else; what the giver of a gift says is text. Mail programs disagree
about HTML that is not written properly. What is not, is refused here, so that they all read what was checked.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fondaco_tenants.delivery.errors import TemplateInvalid

_INLINE: Final = frozenset(
    {"a", "abbr", "b", "code", "em", "font", "i", "q", "s", "small", "span", "strong", "sub", "sup", "u"}
)
_ELEMENTS: Final = _INLINE | {
    "article", "blockquote", "body", "br", "caption", "center", "col", "colgroup", "dd", "div", "dl", "dt", "footer", "h1", "h2",
    "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "li", "main", "meta", "ol", "p", "pre", "section", "style", "table",
    "tbody", "td", "tfoot", "th", "thead", "title", "tr", "ul",
}  # fmt: skip
# None of these makes a mail program ask anybody for anything.
_ATTRIBUTES: Final = frozenset({
    "align", "bgcolor", "border", "cellpadding", "cellspacing", "charset", "class", "color", "colspan", "content", "dir", "face",
    "height", "href", "id", "lang", "name", "rel", "role", "rowspan", "scope", "size", "style", "target", "title", "type",
    "valign", "width",
})  # fmt: skip
# Elements whose content is no text of the letter.
_UNREAD: Final = frozenset({"style", "title"})

_TEXT: Final = re.compile(r"[^<]+")
_TAG: Final = re.compile(
    r"""<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9]*)(?P<attributes>(?:\s+[A-Za-z-]+(?:=(?:"[^"<>]*"|'[^'<>]*'))?)*)\s*/?>"""
)
_DOCTYPE: Final = re.compile(r"<!doctype html>", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"""([A-Za-z-]+)(?:=(?:"([^"]*)"|'([^']*)'))?""")
_ADDRESS: Final = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
# What makes a style sheet load something, and the sign that such a word can be hidden with.
_LOADING: Final = re.compile(
    r"url\s*\(|src|@\s*import|image\s*\(|image-set|expression|behavior|binding|\\", re.IGNORECASE
)
# What an address of somebody else's has in it, which programs would make one link of together with ours behind it.
_FOREIGN: Final = re.compile(r"[./\\@?#=&%~\u2024\u3002\ufe52\uff0e\uff61]\S*\Z")


@dataclass(frozen=True, slots=True)
class Guarded:
    """What may not stand just anywhere: the link's address, and what strangers say."""

    link: str
    said: tuple[str, ...]


def check_text(text: str, guarded: Guarded, *, part: str = "text") -> None:
    """Refuses a text in which programs would make one address of the link and of what stands before it."""
    before, *rest = text.split(guarded.link)
    for after in rest:
        if _FOREIGN.search(before):
            raise TemplateInvalid(
                part, 1, "{{ link.url }} needs a space before it: it is no part of another address",
                "{{ link.url }} 前须有空格，不能成为其他地址的一部分",
            )  # fmt: skip
        before = after


def check_html(source: str, guarded: Guarded) -> None:
    """Refuses HTML that is not written properly, loads something, or says what is guarded where it does not belong."""
    within, said = "", list[str]()
    for text, tag in _tokens(source):
        if tag is not None:
            name = tag["name"].lower()
            if name not in _ELEMENTS:
                raise _wrong(f"there is no <{name}> in a letter: it loads and runs nothing", f"邮件中不能使用 <{name}>")
            _check_attributes(name, tag["attributes"], guarded)
            if name in _UNREAD or within:
                within = "" if tag["end"] else name
            said.append("" if name in _INLINE else "\n")
        elif within:
            _check_unread(within, text, guarded)
        else:
            said.append(html.unescape(text))
    if within:
        raise _wrong(f"<{within}> is not closed", f"<{within}> 没有闭合")
    check_text("".join(said), guarded, part="html")


def _tokens(source: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    place = 0
    while place < len(source):
        if found := _TEXT.match(source, place):
            yield found[0], None
        elif found := _TAG.match(source, place):
            yield "", found
        elif not (found := _DOCTYPE.match(source, place)):
            raise _wrong(
                "a tag is not written properly: quote its values, and use neither comments nor a bare '<'",
                "标签书写有误：属性值须加引号，不能使用注释或单独的“<”",
            )
        place = found.end()


def _check_attributes(element: str, source: str, guarded: Guarded) -> None:
    for name, double, single in _ATTRIBUTE.findall(source):
        key, value = name.lower(), html.unescape(double or single)
        if key not in _ATTRIBUTES and not key.startswith("aria-"):
            raise _wrong(f"there is no '{key}' in a letter: it loads and runs nothing", f"邮件中不能使用属性“{key}”")
        if key == "href":
            if element != "a" or (value and not _ADDRESS.match(value.strip())):
                raise _wrong(
                    "an href is a web address, mailto: or tel:, of an <a>",
                    "href 只能用于 <a>，且须为网址、mailto: 或 tel:",
                )
            if value == guarded.link:
                continue
        if key == "style":
            _check_style(value)
        _check_absent(value, guarded)


def _check_unread(element: str, text: str, guarded: Guarded) -> None:
    if element == "style":
        _check_style(text)
    _check_absent(html.unescape(text), guarded)


def _check_style(text: str) -> None:
    if _LOADING.search(text):
        raise _wrong("a style loads nothing", "样式不能加载外部内容")


def _check_absent(value: str, guarded: Guarded) -> None:
    if guarded.link in value:
        raise _wrong(
            "{{ link.url }} is the whole href of an <a>, or text: nobody else is told it",
            "{{ link.url }} 只能作为 <a> 的完整 href 或正文",
        )
    if any(word in value for word in guarded.said):
        raise _wrong("what the giver of a gift says is text, and no part of a tag", "赠言只能作为正文，不能放入标签")


def _wrong(why: str, why_zh: str) -> TemplateInvalid:
    return TemplateInvalid("html", 1, why, why_zh)
