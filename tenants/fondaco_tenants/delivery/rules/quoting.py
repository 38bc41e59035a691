"""What somebody else wrote, as a mail of ours may repeat it: nothing in it can be pressed. Pure.

Whoever buys a gift writes what they like to an address that they name, and we send it. So that nobody phishes by our name, what
mail programs make links of is taken apart: the text still reads, and leads nowhere.
"""

import re
from typing import Final

# A program finds an address by the sign between its parts, with nothing around it: by a space after it there is none.
_JOINTS: Final = (
    # A domain: the dot and its likenesses, before a letter or figure of any script.
    (re.compile(r"([.\u2024\ufe52\uff0e])(?=\w)"), r"\1 "),
    # The full stop of Chinese stands in a domain as well; between Chinese words it ends a sentence and stays.
    (re.compile(r"([\u3002\uff61])(?=[0-9A-Za-z])"), r"\1 "),
    # An address of mail.
    (re.compile(r"([@\ufe6b\uff20])(?=\S)"), r"\1 "),
    (re.compile(r"(?<=\S)([@\ufe6b\uff20])"), r" \1"),
    # A scheme, such as mailto: or tel:, and what begins after one.
    (re.compile(r"(?<=[A-Za-z])([:\ufe55\uff1a])(?=\S)"), r"\1 "),
    (re.compile(r"([:/\\])(?=[/\\])"), r"\1 "),
)


def unlinked(text: str) -> str:
    """The same words, in which no program finds an address to make a link of."""
    for joint, apart in _JOINTS:
        text = joint.sub(apart, text)
    return text


def quoted(text: str) -> str:
    """Every line marked as somebody else's, the way mails quote; an empty text stays empty."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n")) if text else ""
