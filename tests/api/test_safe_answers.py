"""What browsers may make of answers: nothing but what they are."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from yarl import URL

from service.http.safety import HEADERS
from service.settings import Settings
from tests.api.stored import Stored
from tests.api.test_pages import CALLS, IMAGE
from tests.driver import Client
from tests.forms import PNG
from tests.outside import Outside, outside_of
from tests.wire import connected, exchange


@pytest.fixture(scope="module")
async def outside(settings: Settings) -> AsyncIterator[Outside]:
    """What is in AWS."""
    async with outside_of(settings) as made:
        yield made


async def test_every_answer_is_safe(client: Client, owner: Client, photo: Stored) -> None:
    """Also of errors, of the HTTP parser, of redirects, and to those who have a copy already."""
    tag = (await owner.get(photo.content)).headers["ETag"]
    answers = [
        *[await client.ask(method, path) for method, path, _ in CALLS],
        await client.get("/metrics"),
        await client.get("/readyz"),
        await client.as_user("").get("/v1/images"),
        await client.upload(PNG, "image/png"),
        await client.upload(b"<script>", "image/png"),
        await client.upload(b"<script>", "text/html"),
        await client.ask("DELETE", IMAGE),
        await client.get("/<script>alert(1)</script>?<script>"),
        await client.get("/v1/images?<script>=1"),
        await client.get("/v1/images", Host="evil.example"),
        await client.ask("POST", "/v1/images", headers={"Expect": "<script>"}),
        await owner.get(photo.content),
        await owner.get(photo.content, Range="bytes=0-9"),
        await owner.get(photo.content, If_None_Match=tag),
        await owner.get(f"{photo.content}?redirect=1"),
        await exchange(client, b"<script> HTTP/1.1\r\n\r\n"),
        await exchange(client, b"GET /<script> HTTP/1.1\r\nHost: localhost\r\nX: \0\r\n\r\n"),
        await exchange(client, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\n\r\n"),
        await exchange(client, b"GET / HTTP/9.9\r\n\r\n"),
    ]
    kinds = ("application/json", "application/problem+json", "image/jpeg", "text/plain; version")
    for answer in answers:
        for name, value in HEADERS.items():
            assert name in answer.headers, answer
            if name != "Content-Security-Policy":
                assert answer.headers[name] == value
        assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["Server"] == "cloud-images"
        assert "<script>" not in str(answer.headers)
        assert "Set-Cookie" not in answer.headers
        if answer.body:
            assert answer.headers["Content-Type"].startswith(kinds), answer


NAMES = {
    "quote": '"evil".html',
    "header": 'evil"; filename="evil.exe',
    "next line": "evil\r\nX-Evil: 1\r\n\r\n<script>.png",
    "line feed": "evil\nX-Evil: 1.png",
    "null": "evil.html\0.png",
    "up": "../../evil.html",
    "backslashes": "..\\..\\evil.exe",
    "drive": "C:\\evil.exe",
    "absolute": "/etc/evil",
    "turned round": "evil\u202egnp.exe",
    "invisible": "evil\u200b\u2066.html",
    "html": "evil.html",
    "svg": "evil.svg",
    "markup": "<script>evil</script>.png",
    "percent": "evil%22%0d%0aX-Evil:1.png",
    "encoded": "=?utf-8?q?evil=0D=0A?=",
    "extended": "UTF-8''evil%0d%0a.html",
    "not ASCII": "évil-фото-写真.png",
    "long": "evil" * 63,
    "too long": "evil" * 1000,
    "dots": "..",
    "device": "CON.evil",
    "replaced": "evil\ufffd.png",
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_file_name_stays_text(client: Client, outside: Outside, name: str) -> None:
    """It is taken as it is or refused as a whole; it is in JSON only, in no header and no key."""
    filename = NAMES[name]
    raw = await client.ask(
        "POST",
        "/v1/images",
        params={"filename": filename},
        data=PNG,
        headers={"Content-Type": "image/png"},
    )
    assert raw.status == 202 or (raw.status, raw.code) == (400, "invalid_filename")
    answers = [raw]
    if raw.status == 202:
        assert raw.json["filename"] == filename
        path = raw.json["links"]["self"]
        answers += [await client.get(one) for one in (path, f"{path}/content", "/v1/images?status=queued")]
    for answer in answers:
        assert "evil" not in str(answer.headers).lower()
        assert "X-Evil" not in answer.headers
        assert answer.headers["Content-Type"].partition(";")[0] in ("application/json", "application/problem+json")
    assert not [key for key in await outside.keys() if "evil" in key]


async def test_a_connection_survives_hostile_names(client: Client) -> None:
    """What follows on the same connection is answered by itself: nothing of a name has become an answer."""
    async with connected(client) as wire:
        for _ in range(2):
            await wire.send(
                f"GET /%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: localhost\r\nX-User-Id: {client.user}\r\n\r\n".encode()
            )
            answer = await wire.answer()
            assert (answer.status, answer.code) == (404, "not_found")
            assert "X-Evil" not in answer.headers


async def test_a_redirect_leads_to_a_picture(owner: Client, photo: Stored) -> None:
    """S3 itself says what it is, and no more; the URL cannot be made to say otherwise."""
    url = (await owner.get(f"{photo.content}?redirect=1")).headers["Location"]
    async with aiohttp.ClientSession() as plain:
        async with plain.get(URL(url, encoded=True)) as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, "image/jpeg")
            assert "evil" not in str(answer.headers)
        async with plain.get(URL(f"{url}&response-content-type=text%2Fhtml", encoded=True)) as changed:
            assert changed.status == 403
