"""GraphiQL comes from our own files, as they were published, and nothing else runs on its page."""

import gzip
import hashlib
from importlib.resources import files

import httpx2
import pytest

FOLDER = files("fondaco_api") / "static" / "graphiql"
PACKED = ("react.js", "react-dom.js", "graphiql.js", "graphiql.css")


async def test_the_page_lets_no_script_run_but_its_own(door: httpx2.AsyncClient) -> None:
    answer = await door.get("/graphiql")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "<script>" not in answer.text
    assert "//" not in answer.text.replace("<!doctype html>", "")


@pytest.mark.parametrize("name", [*PACKED, "start.js", "start.css", "LICENSE.txt"])
async def test_the_page_has_its_parts_and_keeps_them(door: httpx2.AsyncClient, name: str) -> None:
    first = await door.get(f"/graphiql/{name}")
    again = await door.get(f"/graphiql/{name}", headers={"if-none-match": first.headers["etag"]})

    assert (first.status_code, again.status_code) == (200, 304)


@pytest.mark.parametrize("name", ["index.html", "../LICENSE.txt", "..%2f..%2fapp.py", "react.js.gz", ""])
async def test_the_page_has_no_other_parts(door: httpx2.AsyncClient, name: str) -> None:
    assert (await door.get(f"/graphiql/{name}")).status_code in {404, 307}


@pytest.mark.parametrize("name", PACKED)
def test_a_published_build_is_unchanged(name: str) -> None:
    inside = gzip.decompress((FOLDER / f"{name}.gz").read_bytes())

    assert f"{hashlib.sha256(inside).hexdigest()}  {name}" in (FOLDER / "LICENSE.txt").read_text()


@pytest.mark.parametrize("path", ["/", "/graphql"])
async def test_a_person_with_a_browser_is_led_to_the_page(door: httpx2.AsyncClient, path: str) -> None:
    answer = await door.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/graphiql")
