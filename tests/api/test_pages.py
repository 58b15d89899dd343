"""Web pages: which of them may call the service."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from service.http.cross_origin import EXPOSED
from service.settings import Settings
from tests.driver import Answer, Client, client_of
from tests.forms import FORM, PNG, file_part, form, word_part
from tests.outside import Outside, outside_of
from tests.wire import exchange

PAGE, EVIL = "https://photos.example", "https://evil.example"
IMAGE = "/v1/images/019b76da-b3b8-776f-af78-0f0a0c21d27b"
"""Nobody's."""
CROSS = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}


@pytest.fixture(scope="module")
async def open_client(settings: Settings) -> AsyncIterator[Client]:
    """A user of a service that pages of two origins may call."""
    origins = Settings.from_env({"CORS_ORIGINS": f"{PAGE}, http://localhost:5173"}).cors_origins
    async with client_of(replace(settings, cors_origins=origins), "owner") as made:
        yield made


@pytest.fixture(scope="module")
async def outside(settings: Settings) -> AsyncIterator[Outside]:
    """What is in AWS."""
    async with outside_of(settings) as made:
        yield made


def cors(answer: Answer) -> dict[str, str]:
    """The headers by which a browser decides."""
    return {name: value for name, value in answer.headers.items() if name.startswith("Access-Control-")}


async def preflight(client: Client, origin: str, path: str, method: str, **more: str) -> Answer:
    """What a browser asks before it lets a page of `origin` send such a request."""
    headers = {"Origin": origin, "Access-Control-Request-Method": method, **CROSS, **more}
    async with client.session.options(client.url + path, headers=headers) as answer:
        return Answer(answer.status, answer.headers, await answer.read())


# CORS

CALLS = [
    ("GET", "/v1/images", 200),
    ("GET", IMAGE, 404),
    ("GET", "/v1/images?limit=x", 400),
    ("GET", f"{IMAGE}/content", 404),
    ("GET", f"{IMAGE}/events", 404),
    ("PUT", "/v1/images", 405),
    ("GET", "/nowhere", 404),
    ("GET", "/healthz", 200),
]


@pytest.mark.parametrize(("method", "path", "status"), CALLS)
async def test_closed(client: Client, method: str, path: str, status: int) -> None:
    """Without `CORS_ORIGINS` no page of another origin is told that it may read an answer, or send such a request."""
    for origin in (PAGE, EVIL, "null", "http://localhost:5173", client.url):
        answer = await client.ask(method, path, headers={"Origin": origin})
        assert (answer.status, cors(answer)) == (status, {})
        assert "Vary" not in answer.headers
        asked = await preflight(client, origin, path, method)
        assert (asked.status, cors(asked)) == (404 if path == "/nowhere" else 405, {})


@pytest.mark.parametrize("origin", [PAGE, "http://localhost:5173"])
@pytest.mark.parametrize(("method", "path", "status"), CALLS)
async def test_open(open_client: Client, origin: str, method: str, path: str, status: int) -> None:
    """With it, pages of those origins may, and can read problems as well as answers; never with cookies."""
    answer = await open_client.ask(method, path, headers={"Origin": origin, **CROSS})
    exposed = ", ".join(EXPOSED)
    assert answer.status == status
    assert cors(answer) == {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": exposed}
    assert answer.headers["Vary"] == "Origin"


OTHERS = (
    *(EVIL, "null", "http://photos.example", f"{PAGE}:444", f"{PAGE}.evil.example", f"{PAGE}/"),
    *("*", PAGE.upper(), "", f"{PAGE},http://localhost:5173"),
)


@pytest.mark.parametrize("origin", OTHERS)
async def test_open_for_those_origins_only(open_client: Client, origin: str) -> None:
    """To the letter."""
    for method, path, status in CALLS:
        answer = await open_client.ask(method, path, headers={"Origin": origin})
        assert (answer.status, cors(answer), answer.headers["Vary"]) == (status, {}, "Origin")
        assert cors(await preflight(open_client, origin, path, method)) == {}
    assert (await open_client.get("/v1/images")).headers["Vary"] == "Origin", "for caches, also when no page asks"


async def test_preflight(open_client: Client, settings: Settings) -> None:
    """It says what the path can do, asks nobody who they are, and opens `X-User-Id` only where that counts."""
    for path, methods in (("/v1/images", "GET, HEAD, POST"), (IMAGE, "DELETE, GET, HEAD, PATCH")):
        answer = await preflight(open_client, PAGE, path, "PATCH")
        assert (answer.status, answer.body) == (204, b"")
        assert cors(answer)["Access-Control-Allow-Methods"] == methods
        assert cors(answer)["Access-Control-Allow-Origin"] == PAGE
        allowed = cors(answer)["Access-Control-Allow-Headers"].split(", ")
        assert {"authorization", "content-type", "idempotency-key", "x-api-key", "x-user-id"} <= set(allowed)
        assert "Access-Control-Allow-Credentials" not in answer.headers
    keys = replace(settings, auth_mode="api-key", api_keys="alice " + "0" * 64, cors_origins=PAGE)
    async with client_of(keys, "") as client:
        answer = await preflight(client, PAGE, "/v1/images", "POST")
        assert answer.status == 204
        assert "x-user-id" not in cors(answer)["Access-Control-Allow-Headers"]
        refused = await client.ask("POST", "/v1/images", headers={"Origin": PAGE, **CROSS})
        assert (refused.status, cors(refused)["Access-Control-Allow-Origin"]) == (401, PAGE)


async def test_a_plain_options_request(open_client: Client) -> None:
    """Is no preflight."""
    for headers in ({"Origin": PAGE}, {"Access-Control-Request-Method": "GET"}, {}):
        assert (await open_client.ask("OPTIONS", "/v1/images", headers=headers)).code == "method_not_allowed"


# Requests that a page can make a browser send without asking


def _post(path: str, content_type: str, data: bytes) -> tuple[str, dict[str, Any]]:
    return path, {"data": data, "headers": {"Content-Type": content_type}}


URLENCODED, TEXT = "application/x-www-form-urlencoded", "text/plain"
SIMPLE = {
    "form": _post("/v1/images", FORM, form(file_part())),
    "form_with_words": _post("/v1/images", FORM, form(file_part(), word_part("title", "x"))),
    "text": _post("/v1/images", TEXT, PNG),
    "urlencoded": _post("/v1/images", URLENCODED, b"a=b"),
    "json_as_text": _post("/v1/uploads", TEXT, b'{"content_type": "image/png"}'),
    "another_method": _post(f"{IMAGE}?_method=DELETE", URLENCODED, b"_method=DELETE"),
}
"""POSTs whose headers are all on CORS's safelist."""
OF_OTHERS = [
    {"Sec-Fetch-Site": "cross-site", "Origin": EVIL},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:9"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Sec-Fetch-Site": "anything"},
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9"},
]


@pytest.mark.parametrize("name", SIMPLE)
async def test_a_form_of_another_page(client: Client, outside: Outside, name: str) -> None:
    """Nobody is asking, as the page cannot set the header; nothing is kept."""
    before, (path, request) = await outside.everything(), SIMPLE[name]
    for headers in OF_OTHERS:
        given = {**request["headers"], **headers, "Cookie": "X-User-Id=owner; user=owner"}
        async with client.session.post(client.url + path, data=request["data"], headers=given) as answer:
            assert answer.status in (401, 405)
    assert await outside.everything() == before


@pytest.mark.parametrize("headers", OF_OTHERS, ids=str)
async def test_a_form_of_another_page_through_a_gateway(
    client: Client, outside: Outside, headers: dict[str, str]
) -> None:
    """One that knows its users by cookies says who they are all the same: 403, before the body, and nothing is kept."""
    before = await outside.everything()
    for method, path in (("POST", "/v1/images"), ("POST", "/v1/uploads"), ("PATCH", IMAGE), ("DELETE", IMAGE)):
        request = SIMPLE["form"][1]
        answer = await client.ask(method, path, data=request["data"], headers={**request["headers"], **headers})
        assert (answer.status, answer.code) == (403, "cross_site_request")
    assert await outside.everything() == before
    assert (await client.ask("GET", "/v1/images", headers=headers)).status == 200, "reading changes nothing"


async def test_what_is_of_no_other_page(client: Client, open_client: Client) -> None:
    """Programs, the service's own pages, what a person typed, and the pages that `CORS_ORIGINS` names."""
    own: list[dict[str, str]] = [{}, {"Sec-Fetch-Site": "none"}, {"Origin": client.url}]
    for headers in (*own, {"Sec-Fetch-Site": "same-origin", "Origin": client.url}):
        assert (await client.ask("DELETE", IMAGE, headers=headers)).status == 204, headers
    for headers in ({"Origin": PAGE}, {"Origin": PAGE, **CROSS}):
        assert (await open_client.ask("DELETE", IMAGE, headers=headers)).status == 204, headers


FOREIGN = (
    *("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "127.1", "localhost.evil.example:80"),
    "a.b.",
)


@pytest.mark.parametrize("host", FOREIGN)
async def test_a_page_whose_name_leads_here(client: Client, settings: Settings, host: str) -> None:
    """DNS rebinding makes it a page of this very origin: it may set any header, but not the name it came by."""
    for method in ("GET", "DELETE"):
        answer = await client.ask(method, IMAGE, headers={"Host": host})
        assert (answer.status, answer.code) == (403, "unknown_host")
    async with client_of(replace(settings, trust_user_header=True), client.user) as behind_gateway:
        assert (await behind_gateway.ask("GET", IMAGE, headers={"Host": host})).code == "image_not_found"


@pytest.mark.parametrize("host", ["evil.example@localhost", "localhost@evil.example", "evil.example:1:2"])
async def test_what_is_no_name_of_a_host(client: Client, host: str) -> None:
    """Refused before it comes to that."""
    answer = await client.ask("GET", IMAGE, headers={"Host": host})
    assert (answer.status, answer.code) == (400, "malformed_request")


LOCAL = (
    "localhost",
    "LOCALHOST:1",
    "127.0.0.1:9",
    "[::1]:8080",
    "photos.localhost",
    "service",
    "10.0.0.1",
    "localhost.",
)


@pytest.mark.parametrize("host", LOCAL)
async def test_names_of_this_machine(client: Client, host: str) -> None:
    """Are not to be had in the public DNS."""
    assert (await client.ask("GET", IMAGE, headers={"Host": host})).code == "image_not_found"


async def test_two_names(client: Client) -> None:
    """It does not matter which of them comes first."""
    for hosts in (("localhost", "evil.example"), ("evil.example", "localhost")):
        lines = [f"Host: {host}" for host in hosts]
        request = "\r\n".join([f"GET {IMAGE} HTTP/1.1", *lines, f"X-User-Id: {client.user}", "", ""])
        assert (await exchange(client, request.encode())).status in (400, 403)


async def test_a_program_without_a_host(client: Client) -> None:
    """No browser is so old."""
    answer = await exchange(client, f"GET {IMAGE} HTTP/1.0\r\nX-User-Id: {client.user}\r\n\r\n".encode())
    assert answer.code == "image_not_found"
