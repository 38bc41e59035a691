"""A client of the public API for `fondaco demo`, and how the play ends when something is not as it must be."""

import base64
import http.client
import json
import time
import urllib.parse
from typing import Any

from fondaco_core.errors import SettingError

HTTP_SECONDS = 60.0
# A connection that was not used for longer is opened anew: the server may have closed it.
REUSE_SECONDS = 2.0


class Client:
    """One client of the public API, with an access token or nobody yet; a connection of its own, kept open."""

    def __init__(self, demo: dict[str, Any], credentials: dict[str, str] | None = None) -> None:
        address = urllib.parse.urlsplit(demo["base_url"])
        maker = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        assert address.hostname is not None
        self._connection = maker(address.hostname, address.port, timeout=HTTP_SECONDS)
        self._used = 0.0
        self._authorization: dict[str, str] = {}
        if credentials is not None:
            self._sign_in(credentials)

    def _sign_in(self, credentials: dict[str, str]) -> None:
        pair = f"{credentials['client_id']}:{credentials['client_secret']}"
        answer = self.post(
            "/oauth/token",
            b"grant_type=client_credentials",
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            },
        )
        self.use_token(answer["access_token"])

    def use_token(self, token: str) -> None:
        """From now on the client is who this token is for."""
        self._authorization = {"Authorization": f"Bearer {token}"}

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """Sends one request and reads the JSON of its answer."""
        try:
            if time.monotonic() - self._used > REUSE_SECONDS:
                self._connection.close()
            self._used = time.monotonic()
            self._connection.request("POST", path, body, headers)
            response = self._connection.getresponse()
            text = response.read()
        except OSError as error:
            msg = f"The API does not answer ({type(error).__name__}); is the system running?"
            raise SettingError(msg) from error
        if response.status >= http.client.BAD_REQUEST:
            msg = f"{path} answered {response.status}: {text[:200].decode(errors='replace')}"
            raise SettingError(msg)
        answer: dict[str, Any] = json.loads(text)
        return answer

    def upload(self, text: str) -> str:
        """Sends a file of codes and answers with the upload's id."""
        headers = {**self._authorization, "Content-Type": "application/octet-stream", "X-Filename": "demo.txt"}
        return str(self.post("/uploads", text.encode(), headers)["uploadId"])

    def __call__(self, query: str, **variables: Any) -> dict[str, Any]:
        """Runs one operation with one root field and answers with that field."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        answer = self.post("/graphql", body, {**self._authorization, "Content-Type": "application/json"})
        if answer.get("errors"):
            msg = f"The API refused: {answer['errors'][0]['message']}"
            raise SettingError(msg)
        (field,) = answer["data"].values()
        return dict(field) if field is not None else {}


def expect(found: object, wanted: object, what: str) -> None:
    """Ends the play with one sentence when something did not come out as it must."""
    if found != wanted:
        msg = f"Not as it must be: {what} is {found}, not {wanted}."
        raise SettingError(msg)
