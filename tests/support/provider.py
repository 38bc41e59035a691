"""A small OpenID provider as a real server on the loopback; it can be told to lie."""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import uuid4

import orjson
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

CLIENT_ID, CLIENT_SECRET = "fondaco at the provider", "a secret:with=odd&signs"


@dataclass(slots=True)
class Provider:
    """What the provider says of whoever comes; `lie` is what is wrong with it."""

    port: int = 0
    email: str = "somebody@corp.example"
    verified: bool = True
    subject: str = field(default_factory=lambda: uuid4().hex)
    lie: str = ""
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        """Its own address."""
        return f"http://127.0.0.1:{self.port}"

    def grant(self, url: str) -> tuple[str, str]:
        """Its page, at which somebody agrees: the code and the state that the browser brings back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = uuid4().hex
        self.codes[code] = query
        return code, query["state"]

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """What it answers to the installation."""
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            about = {
                "issuer": "https://elsewhere.example" if self.lie == "discovery" else self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }  # fmt: skip
            return 200, about
        if path == "/keys":
            key = ECKey.generate_key("P-256", {"kid": "k1"}) if self.lie == "keys" else self.key
            return 200, {"keys": [key.as_dict(private=False)]}
        if path == "/token" and method == "POST":
            return self._token(dict(parse_qsl(body.decode())), headers)
        return 404, {}

    def _token(self, form: dict[str, str], headers: dict[str, str]) -> tuple[int, Any]:
        given = base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode()
        wanted = "fondaco+at+the+provider:a+secret%3Awith%3Dodd%26signs"
        asked = self.codes.pop(form["code"], None)
        verifier = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        )
        if given != wanted or asked is None or asked["code_challenge"] != verifier:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self._id_token(asked)}

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer, "aud": CLIENT_ID, "sub": self.subject, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "email": self.email, "email_verified": self.verified, "name": "Some Body",
        }  # fmt: skip
        lies: dict[str, dict[str, Any]] = {
            "nonce": {"nonce": "another"}, "aud": {"aud": "another client"}, "azp": {"aud": [CLIENT_ID, "another"]},
            "expired": {"exp": now - 3600}, "issuer": {"iss": "https://elsewhere.example"}, "future": {"iat": now + 3600},
            "subject": {"sub": ""},
        }  # fmt: skip
        claims |= lies.get(self.lie, {})
        if self.lie == "none":
            parts = [{"alg": "none"}, claims]
            return ".".join(base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=") for part in parts) + "."
        if self.lie == "hmac":
            return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET.ljust(32)))
        token = jwt.encode({"alg": "ES256", "kid": "k1"}, claims, self.key)
        return token[:-8] + "AAAAAAAA" if self.lie == "signature" else token


@asynccontextmanager
async def open_provider() -> AsyncGenerator[Provider]:
    """The provider on a free port of the loopback."""
    provider = Provider()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        status, found = provider.answer(method, path, headers, body)
        text = orjson.dumps(found)
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\nconnection: close\r\n\r\n".encode()
            + text
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    provider.port = server.sockets[0].getsockname()[1]
    async with server:
        yield provider
