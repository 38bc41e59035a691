"""Codes in an encrypted file: a ZIP or a PDF, both AES-256. Pure but for the random bytes that encryption needs."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import pyzipper
from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from fondaco_core.secret import Secret

# A font that every reader of PDF has for Chinese, and that need not be embedded.
_FONT: Final = "STSong-Light"
# For codes: every letter as wide as any other, and 0 is no O.
_CODE_FONT: Final = "Courier-Bold"
_MARGIN: Final = 56.0
_CHARS_A_LINE: Final = 42
_CODE_CHARS_A_LINE: Final = 50
_LINE: Final = 16.0


@dataclass(frozen=True, slots=True)
class Enclosed:
    """One unit as a file shows it."""

    title: str
    redemption: str
    restrictions: str | None
    code: str = field(repr=False)
    pin: str | None = field(default=None, repr=False)


def make_zip(units: Sequence[Enclosed], *, passphrase: Secret[str], chinese: bool) -> Secret[bytes]:
    """A ZIP with one text file, encrypted with AES-256; common programs (7-Zip, WinRAR, macOS tools) open it."""
    packed = io.BytesIO()
    with pyzipper.AESZipFile(packed, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setencryption(pyzipper.WZ_AES, nbits=256)
        archive.setpassword(passphrase.reveal().encode())
        # The mark at the beginning has Windows read it as UTF-8.
        archive.writestr("codes.txt", "\ufeff" + "\r\n".join(_lines(units, chinese=chinese)))
    return Secret(packed.getvalue())


def make_pdf(units: Sequence[Enclosed], *, passphrase: Secret[str], title: str, chinese: bool) -> Secret[bytes]:
    """A PDF that opens with the passphrase alone (AES-256, revision 6)."""
    if _FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    plain = io.BytesIO()
    canvas = Canvas(plain, pagesize=A4)
    y = A4[1] - _MARGIN

    def put(text: str, *, size: float, font: str = _FONT, chars: int = _CHARS_A_LINE) -> None:
        nonlocal y
        for line in _wrapped(text, chars):
            if y < _MARGIN:
                canvas.showPage()
                y = A4[1] - _MARGIN
            canvas.setFont(font, size)
            canvas.drawString(_MARGIN, y, line)
            y -= _LINE + (size - 11)

    put(title, size=16)
    for number, unit in enumerate(units, 1):
        y -= _LINE / 2
        put(f"{number}. {unit.title}", size=12)
        put(unit.code, size=12, font=_CODE_FONT if unit.code.isascii() else _FONT, chars=_CODE_CHARS_A_LINE)
        if unit.pin is not None:
            put(f"{'密码' if chinese else 'PIN'}: {unit.pin}", size=11)
        put(unit.redemption, size=10)
        if unit.restrictions:
            put(unit.restrictions, size=10)
    canvas.save()
    writer = PdfWriter(clone_from=PdfReader(plain))
    writer.encrypt(passphrase.reveal(), algorithm="AES-256")
    sealed = io.BytesIO()
    writer.write(sealed)
    return Secret(sealed.getvalue())


def _wrapped(text: str, chars: int) -> list[str]:
    """The text in lines that fit; a Chinese character is twice as wide as a Latin one."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line, width = "", 0
        for char in paragraph:
            wide = 1 if char.isascii() else 2
            if width + wide > chars * 2 // (1 if chars == _CHARS_A_LINE else 2):
                lines.append(line)
                line, width = "", 0
            line, width = line + char, width + wide
        lines.append(line)
    return lines


def _lines(units: Sequence[Enclosed], *, chinese: bool) -> list[str]:
    lines: list[str] = []
    for number, unit in enumerate(units, 1):
        lines += [f"{number}. {unit.title}", unit.code]
        if unit.pin is not None:
            lines.append(f"{'密码' if chinese else 'PIN'}: {unit.pin}")
        lines += [unit.redemption, *([unit.restrictions] if unit.restrictions else []), ""]
    return lines
