"""What people are told in Chinese is Chinese throughout."""

import re
from pathlib import Path

from fondaco_core.errors import NotFound, StaleVersion

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"\b(?:NotFound|StaleVersion)\(\s*\"([^\"]+)\"")
# Not a word but a sign that is the same in both languages.
SAME = {"id"}


def named() -> set[str]:
    """Every thing that a refusal of ours names by a word."""
    sources = [path for root in ("platform", "tenants", "workers") for path in (ROOT / root).rglob("*.py")]
    return {word for path in sources for word in NAMED.findall(path.read_text(encoding="utf-8"))}


def test_what_is_not_found_or_stale_is_named_in_chinese() -> None:
    words = named() - SAME

    found = {
        word
        for word in words
        for told in (NotFound(word), StaleVersion(word, current_version=2))
        if word in told.message_zh
    }

    assert len(words) > 30
    assert found == set()
