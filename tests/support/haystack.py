"""Everything that somebody might get hold of, and a search through it for a secret in whatever form."""

import asyncio
import base64
import hashlib
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import redis

from fondaco_core.config import Settings
from fondaco_ops.embedded import postgres_tool

# What is shorter stands anywhere by chance.
SHORT = 8


def disguises(secret: str) -> Iterator[bytes]:
    """Every form in which a secret might lie around."""
    for text in {secret, secret[::-1], secret.lower(), secret.replace("-", ""), quote(secret, safe="")}:
        raw = text.encode()
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        yield "".join(f"\\u{ord(letter):04x}" for letter in text).encode()
        for wide in (text.encode("utf-16-le"), text.encode("utf-16-be")):
            yield wide
            yield wide.hex().encode()
        for offset in range(3):
            # Whatever stands before it, one of three alignments is what base64 makes of it.
            inner = base64.b64encode(b"\0" * offset + raw)
            cut = inner[4 if offset else 0 : len(inner) - 4]
            yield cut
            yield cut.replace(b"+", b"-").replace(b"/", b"_")


def digests(secret: str) -> Iterator[bytes]:
    """What a hash without a key would make of a secret that can be guessed."""
    for text in (secret, secret.lower(), secret.upper()):
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, text.encode()).digest()
            yield digest
            yield digest.hex().encode()
            yield base64.b64encode(digest).rstrip(b"=")


@dataclass(slots=True)
class Haystack:
    """Everything that somebody might get hold of, by a word for it."""

    places: dict[str, bytes] = field(default_factory=dict)
    # What is meant to be in a place, by how its names begin.
    meant: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, secrets: dict[str, str]) -> list[tuple[str, str, bytes]]:
        """Which secret lies where, and in which form."""
        needles: defaultdict[bytes, set[tuple[str, bytes]]] = defaultdict(set)
        for what, secret in secrets.items():
            assert len(secret) >= SHORT, what
            guessable = what.startswith(("code", "upload", "contact", "password", "pin"))
            for needle in (*disguises(secret), *(digests(secret) if guessable else ())):
                if len(needle) >= SHORT:
                    needles[needle[:SHORT]].add((what, needle))
        return [
            (what, where, needle)
            for where, text in self.places.items()
            for what, needle in sorted(_in(text, needles))
            if not what.startswith(self.meant.get(where, ("\0",)))
        ]


def _in(text: bytes, needles: "defaultdict[bytes, set[tuple[str, bytes]]]") -> set[tuple[str, bytes]]:
    """The needles in a text, which is gone through once, however many they are."""
    heads = {head for place in range(len(text)) if (head := text[place : place + SHORT]) in needles}
    return {(what, needle) for head in heads for what, needle in needles[head] if needle in text}


async def dump(settings: Settings) -> bytes:
    """The whole database of this worker, as a backup of it would be."""
    command = [str(postgres_tool("pg_dump")), settings.require_database_url().reveal(), "--no-owner"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
    return done.stdout


def keys_of(queue: "redis.Redis") -> bytes:
    """Every key of Valkey with all that is in it."""
    readers: dict[Any, Callable[[Any], Any]] = {
        b"string": queue.get,
        b"hash": queue.hgetall,
        b"list": lambda key: queue.lrange(key, 0, -1),
        b"set": queue.smembers,
        b"zset": lambda key: queue.zrange(key, 0, -1, withscores=True),
        b"stream": queue.xrange,
    }
    parts: list[bytes] = []
    for key in queue.scan_iter():
        parts += [key, *_bytes_in(readers[queue.type(key)](key))]
    return b"\n".join(parts)


def _bytes_in(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _bytes_in(pair)
    elif isinstance(value, list | tuple | set):
        for each in value:
            yield from _bytes_in(each)
