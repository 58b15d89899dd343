"""`GET /docs`: the API for people, as a page that needs nothing but itself."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

from deploy.openapi import PAGE, rendered
from tests.api.test_openapi import DOCUMENT, SCHEMAS, _operations
from tests.driver import Client
from tests.wire import bare_head, exchange

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Read(HTMLParser):
    """A page, taken apart; fails on tags that do not close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.headings: list[int] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.attributes |= set(given)
        self.ids += [text for name, text in attrs if name == "id" and text]
        self.links += [text or "" for name, text in attrs if name in ("href", "src")]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


PAGE_TEXT = PAGE.read_text("utf-8")
READ = Read(PAGE_TEXT)


def test_it_is_that_of_the_yaml() -> None:
    """`make openapi` makes it."""
    assert PAGE.read_bytes() == rendered()


def test_it_needs_nothing_else() -> None:
    """No script, no style but its own, nothing that is loaded; the links lead into it, or to whom one may ask."""
    assert READ.tags.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
    assert not [name for name in READ.attributes if name.startswith("on") or name in ("style", "src")]
    assert "url(" not in PAGE_TEXT
    assert "@import" not in PAGE_TEXT
    assert {link for link in READ.links if not link.startswith(("#", "https://"))} == {"openapi.json"}


def test_all_links_into_it_lead_somewhere() -> None:
    """To one place each."""
    assert len(READ.ids) == len(set(READ.ids))
    inner = {link[1:] for link in READ.links if link.startswith("#")}
    assert len(inner) > 50
    assert inner <= set(READ.ids)


def test_headings_leave_no_level_out() -> None:
    """As those who listen to a page go by them."""
    assert READ.headings[0] == 1
    assert READ.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(READ.headings, READ.headings[1:], strict=False))


def test_all_of_the_document_is_in_it() -> None:
    """Each call with its parameters, its answers and a way to ask; each object; each code."""
    for method, path, operation in _operations():
        section = _section(operation["operationId"])
        assert f">{method}<" in section, path
        assert all(f"{status} " in section for status in operation["responses"]), path
        assert "<h4>Example</h4>" in section
        assert "$URL" in section
        for one in operation.get("parameters", ()):
            name = one.get("name") or DOCUMENT["components"]["parameters"][one["$ref"].rpartition("/")[2]]["name"]
            assert f"<code>{name}</code>" in section, (path, name)
    for name, schema in SCHEMAS.items():
        if "properties" in schema:
            assert all(f"<code>{member}</code>" in _section(name) for member in schema["properties"]), name
        if name.endswith("Code"):
            assert {f"code-{code}" for code in schema["enum"]} <= set(READ.ids)


def _section(name: str) -> str:
    found = re.search(rf'<section aria-labelledby="{name}">.*?</section>', PAGE_TEXT, re.DOTALL)
    assert found, name
    return found[0]


def test_limits_are_in_it() -> None:
    """In words."""
    assert "integer from 1 to 200, else <code>50</code>" in _section("listImages")
    assert "integer from 1 to 5,242,880" in _section("WantedUpload")
    assert "one of <code>queued</code>" in _section("listImages")
    assert 'code-too_large">' in _section("postImage")


async def test_it_is_served_to_anybody(client: Client) -> None:
    """With a tag, and a policy that lets it show its own style and do nothing."""
    answer = await exchange(client, bare_head(target="/docs", method="GET"))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.body == PAGE.read_bytes()
    style = re.search(rb"<style>(.*?)</style>", answer.body, re.DOTALL)
    assert style
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style[1]).digest()).decode()}'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"].startswith("public, max-age=")
    for header, status in ((answer.headers["ETag"], 304), ('"x"', 200)):
        again = await client.get("/docs", If_None_Match=header)
        assert (again.status, again.headers["ETag"]) == (status, answer.headers["ETag"])


async def test_what_it_links_to_is_there(client: Client) -> None:
    """Relative to the page, so it holds behind any prefix."""
    answer: Any = await client.get("/openapi.json")
    assert answer.json["info"] == DOCUMENT["info"]
