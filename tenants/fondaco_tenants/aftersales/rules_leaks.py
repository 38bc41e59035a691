"""Pure decisions of tracing: what may be written down beside a code that was found."""

import re
import unicodedata

from fondaco_core import limits
from fondaco_core.errors import Invalid

# What a code may look like within a text: long enough, with what people put between its parts.
_LIKE_A_CODE = re.compile(r"[^\W_](?:[^\W_]|-){5,}")
_LOT = re.compile(r"LT(-[0-9A-HJKMNP-TV-Z]{4}){3,4}")


def checked_place(text: str) -> str:
    """Where a code was found, as it is written down; Invalid when it says nothing or too much."""
    place = text.strip()
    if not 0 < len(place) <= limits.LEAK_PLACE_MAX or "\0" in place:
        raise Invalid(
            f"Say where it was found, in 1 to {limits.LEAK_PLACE_MAX} characters.",
            zh=f"请说明发现地点，1 至 {limits.LEAK_PLACE_MAX} 个字符。",
            path=("place",),
        )
    return place


def refuse_code_in(said: str, code: str, *, path: str) -> None:
    """Refuses a text that repeats a code: it is kept in the open, where no code is."""
    told = _squeezed(code)
    if told and told in _squeezed(said):
        raise code_told(path)


def code_told(path: str) -> Invalid:
    """The refusal of a text that says a code."""
    return Invalid(
        "This says a code, and is kept in the open; leave the code out.",
        zh="该文字包含卡密且会以明文保存，请删去卡密。",
        path=(path,),
    )


def like_codes(said: str) -> list[str]:
    """The parts of a text that may be codes, and every one of its words."""
    found = dict.fromkeys([*_LIKE_A_CODE.findall(said), *said.split()])
    return [each for each in found if len(each) <= limits.CODE_BYTES_MAX][: limits.LEAK_PLACE_MAX]


def checked_lot(text: str) -> str:
    """A lot's number however it is typed; Invalid when it is none."""
    lot = text.strip().upper()
    if not _LOT.fullmatch(lot):
        raise Invalid(
            "This is not the number of a lot, such as LT-06EY-3K9P-X4QD-7M2C.",
            zh="这不是批次号，正确格式如 LT-06EY-3K9P-X4QD-7M2C。",
            path=("lot",),
        )
    return lot


def _squeezed(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())
