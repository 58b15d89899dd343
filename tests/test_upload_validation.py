"""Every refusal of an upload, over HTTP: 400 with its `code`, nothing stored, nothing queued; and what is taken."""

import gzip
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from service.images import new_image_id
from service.settings import Settings
from service.storage import open_storage
from service.storage.provision import provision
from tests.bad_pictures import FOREIGN, Bad
from tests.bad_requests import (
    BAD_EDITS,
    BAD_HEADERS,
    BAD_IDS,
    BAD_LISTS,
    BAD_QUERIES,
    BAD_USERS,
    BAD_WORDS,
)
from tests.conftest import settings_at
from tests.driver import Answer, Client, client_of, drain
from tests.forms import BAD_FORMS, FILENAMES, FORM, PNG, BadForm, file_part, form, word_part
from tests.outside import Outside, outside_of
from tests.pictures import MOST_BYTES, SOUND, TINY, Picture, exactly, noise
from tests.uploads import CHUNKED, SIZE, TYPE, WAYS, WHOLE, Refuses, in_pieces, send
from tests.verdicts import AT_ONCE, LATER
from tests.wire import bare_head, chunk, connected, exchange, head, problem
from worker.decoder import Decoders


@pytest.fixture(scope="module")
async def outside(settings: Settings) -> AsyncIterator[Outside]:
    async with outside_of(settings) as look:
        yield look


@pytest.fixture
def refuses(outside: Outside) -> Refuses:
    return Refuses(outside)


# Headers


@pytest.mark.parametrize("name", BAD_HEADERS)
async def test_headers_are_refused_before_a_byte_of_the_body(name: str, client: Client, refuses: Refuses) -> None:
    code, headers = BAD_HEADERS[name]
    await refuses(exchange(client, head(client, *headers)), code)


@pytest.mark.parametrize("name", BAD_USERS)
async def test_nobody_gets_401(name: str, client: Client, refuses: Refuses) -> None:
    code, headers = BAD_USERS[name]
    await refuses(exchange(client, bare_head(TYPE, SIZE, *headers), PNG), code, 401)


async def test_a_compressed_body_is_not_inflated(client: Client, refuses: Refuses) -> None:
    """Of 19 KB could become 20 MB; in HTTP there are two places to say that a body is compressed."""
    body = gzip.compress(PNG)
    await refuses(client.upload(body, "image/png", Content_Encoding="gzip"), "unsupported_encoding")
    framed = head(client, TYPE, "Transfer-Encoding: gzip, chunked") + chunk(body) + chunk(b"")
    await refuses(exchange(client, framed), "malformed_request")


# Pictures


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", AT_ONCE)
async def test_a_bad_picture_is_refused(name: str, way: str, client: Client, refuses: Refuses) -> None:
    picture, code = AT_ONCE[name]
    await refuses(send(client, way, picture.data, picture.content_type), code)


@pytest.mark.parametrize("content_type", [None, "application/octet-stream"], ids=["untyped", "octets"])
@pytest.mark.parametrize("picture", FOREIGN.values(), ids=str)
async def test_a_part_without_a_type_is_known_by_its_bytes(
    picture: Bad, content_type: str | None, client: Client, refuses: Refuses
) -> None:
    await refuses(client.upload(form(file_part(picture.data, content_type)), FORM), "signature_mismatch")


@pytest.fixture(scope="module")
async def judged(endpoint: str, decoders: Decoders) -> AsyncIterator[tuple[dict[str, Any], Outside]]:
    """What has become of the pictures of `LATER`, in an AWS of their own."""
    settings = settings_at(endpoint)
    await provision(settings)
    async with (
        client_of(settings, "alice") as client,
        open_storage(settings) as storage,
        outside_of(settings) as outside,
    ):
        taken = {name: await send(client, "raw", one.data, one.content_type) for name, one in LATER.items()}
        await drain(settings, storage, decoders)
        paths = {name: one.headers["Location"] for name, one in taken.items() if one.status == 202}
        yield {name: (await client.get(path)).json for name, path in paths.items()}, outside


@pytest.mark.parametrize("name", LATER)
async def test_what_only_decoding_tells_is_rejected(name: str, judged: tuple[dict[str, Any], Outside]) -> None:
    """Its record says why, and of its bytes nothing is left."""
    records, outside = judged
    record = records[name]
    assert (record["status"], record["reason"] and record["reason"]["code"]) == ("rejected", "corrupt_image")
    assert not [key for key in await outside.keys() if record["image_id"] in key]
    assert await outside.messages() == 0


# Lengths


@pytest.mark.parametrize("way", WAYS)
async def test_5_mb_to_the_byte(way: str, client: Client, refuses: Refuses) -> None:
    sound = exactly(MOST_BYTES)
    taken = await send(client, way, sound.data, sound.content_type)
    assert (taken.status, taken.json["size"]) == (202, 5_242_880)
    await refuses(send(client, way, sound.data + b"\0", sound.content_type), "too_large")


@pytest.mark.parametrize("way", WAYS)
async def test_much_too_large(way: str, client: Client, refuses: Refuses) -> None:
    """Also when its beginning is as sound as can be."""
    sound = TINY["image/jpeg"]
    await refuses(send(client, way, sound.data + noise(9_000_000), sound.content_type), "too_large")


async def test_a_form_too_large_around_its_file(client: Client, refuses: Refuses) -> None:
    body = form(file_part()) + bytes(6_000_000)
    await refuses(client.upload(BytesIO(body), FORM), "too_large")
    await refuses(client.upload(in_pieces(body), FORM), "too_large")


@pytest.mark.parametrize("missing", ["1", "3", "30", "all"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_body_shorter_than_declared(way: str, missing: str, client: Client, refuses: Refuses) -> None:
    """The client says that it has no more, and reads."""
    headers, body = WHOLE[way]
    sent = b"" if missing == "all" else body[: -int(missing)]
    await refuses(exchange(client, head(client, *headers), sent, half_close=True), "incomplete_body")


async def test_a_body_that_stalls(settings: Settings, outside: Outside, refuses: Refuses) -> None:
    """The client says nothing more, and keeps the connection."""
    async with client_of(replace(settings, body_idle_seconds=0.2), "alice") as client:
        for headers, body in WHOLE.values():
            for sent in (b"", body[:-3]):
                await refuses(exchange(client, head(client, *headers), sent), "body_timeout")


BROKEN = {
    "no_number": b"zz\r\n",
    "negative": b"-5\r\n",
    "empty": b"\r\n",
    "huge": b"f" * 20,
    "too_short": b"5\r\n" + PNG,
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_broken_chunks(broken: bytes, client: Client, refuses: Refuses) -> None:
    """At the very start of the body, and after a good chunk that the service has read."""
    headers = head(client, TYPE, CHUNKED, "Expect: 100-continue")
    await refuses(exchange(client, head(client, TYPE, CHUNKED), broken, chunk(b"")), "malformed_request")

    async def later() -> Answer:
        async with connected(client) as wire:
            await wire.send(headers)
            assert (await wire.answer()).status == 100
            await wire.send(chunk(PNG[:40]), broken)
            return await wire.answer()

    await refuses(later(), "malformed_body")


# Forms


@pytest.mark.parametrize("bad_form", BAD_FORMS, ids=str)
async def test_a_bad_form_is_refused(bad_form: BadForm, client: Client, refuses: Refuses) -> None:
    await refuses(client.upload(bad_form.body, FORM), bad_form.code)
    await refuses(client.upload(in_pieces(bad_form.body), FORM), bad_form.code)


# Words


@pytest.mark.parametrize("name", BAD_WORDS)
async def test_words_over_their_limits(name: str, client: Client, refuses: Refuses) -> None:
    """In the query of a raw body, and as parts of a form, where a file name can be given in two notations."""
    code, words = BAD_WORDS[name]
    await refuses(client.upload(PNG, "image/png", f"/v1/images?{urlencode(words)}"), code)
    filename = words.get("filename", "")
    others = [word_part(field, text) for field, text in words.items() if field != "filename"]
    for notation in (f'filename="{filename}"', f"filename*=UTF-8''{quote(filename)}"):
        if "\n" not in notation:  # which would be a header of its own
            await refuses(client.upload(form(*others, file_part(filename=notation)), FORM), code)


async def test_a_file_name_of_10_000_characters(client: Client, refuses: Refuses) -> None:
    for name in ("x" * 10_000, "..%2F" * 2000):
        body = form(file_part(filename=f'filename="{name}"'))
        await refuses(client.upload(body, FORM), "invalid_filename")


@pytest.mark.parametrize("name", BAD_QUERIES)
async def test_a_bad_query_of_an_upload(name: str, client: Client, refuses: Refuses) -> None:
    code, query = BAD_QUERIES[name]
    await refuses(exchange(client, head(client, TYPE, SIZE, target=f"/v1/images?{query}"), PNG), code)


@pytest.mark.parametrize("filename", FILENAMES, ids=lambda name: name[:16])
async def test_a_file_name_is_kept_as_text(filename: str, client: Client, outside: Outside) -> None:
    """And the key has nothing of it."""
    as_part = await client.upload(form(file_part(filename=FILENAMES[filename])), FORM)
    in_query = await client.upload(PNG, "image/png", f"/v1/images?{urlencode({'filename': filename})}")
    for taken in (as_part, in_query):
        assert (taken.status, taken.json["filename"]) == (202, filename)
        assert (await client.get(taken.headers["Location"])).json == taken.json
    keys = {f"incoming/{client.user}/{taken.json['image_id']}" for taken in (as_part, in_query)}
    assert keys == {key for key in await outside.keys() if client.user in key}


# What must be taken


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("picture", SOUND, ids=str)
async def test_a_sound_picture_is_taken(picture: Picture, way: str, client: Client) -> None:
    taken = await send(client, way, picture.data, picture.content_type)
    assert taken.status == 202, taken.body
    facts = (picture.content_type, picture.width, picture.height, picture.frames, len(picture.data))
    assert facts == tuple(taken.json[name] for name in ("content_type", "width", "height", "frames", "size"))
    assert taken.json["sha256"] == hashlib.sha256(picture.data).hexdigest()


@pytest.mark.parametrize(
    ("kind", "declared"),
    [
        *(("image/jpeg", one) for one in ("image/jpg", "image/pjpeg", "IMAGE/JPEG", "image/jpeg; charset=binary")),
        *(("image/png", one) for one in ("image/x-png", "image/apng", " image/png ", "image/png;")),
    ],
)
async def test_other_names_of_a_type(kind: str, declared: str, client: Client) -> None:
    for way in ("raw", "multipart"):
        taken = await send(client, way, TINY[kind].data, declared)
        assert (taken.status, taken.json["content_type"]) == (202, kind)


@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "application/octet-stream; charset=x"])
async def test_a_part_need_not_say_its_type(content_type: str | None, client: Client) -> None:
    for picture in TINY.values():
        taken = await client.upload(form(file_part(picture.data, content_type)), FORM)
        assert (taken.status, taken.json["content_type"]) == (202, picture.content_type)


async def test_words_at_their_limits(client: Client) -> None:
    """All of them together, before and behind the file."""
    tags = [f"{n}{'t' * 31}" for n in range(10)]
    words = {"title": "T" * 200, "tags": tags, "filename": "f" * 255}
    before, behind = [word_part("tags", ",".join(tags[:4]))], [word_part("tags", tag) for tag in tags[4:]]
    body = form(*before, file_part(filename=f'filename="{"f" * 255}"'), word_part("title", "T" * 200), *behind)
    path = "/v1/images?" + urlencode(words, doseq=True)
    for taken in (await client.upload(body, FORM), await client.upload(PNG, "image/png", path)):
        assert taken.status == 202, taken.body
        assert {name: taken.json[name] for name in words} == words


async def test_an_idempotency_key_at_its_limit(client: Client) -> None:
    first, again = [await client.upload(PNG, "image/png", Idempotency_Key="~" * 255) for _ in range(2)]
    assert first.status == again.status == 202
    assert first.json == again.json


# Management


@pytest.mark.parametrize("name", BAD_LISTS)
async def test_a_bad_query_of_a_list(name: str, client: Client) -> None:
    code, query = BAD_LISTS[name]
    asked = await exchange(client, head(client, target=f"/v1/images?{query}", method="GET"))
    assert problem(asked) == (400, code)


@pytest.mark.parametrize("method_and_path", ["GET ", "DELETE ", "PATCH ", "GET /content"])
@pytest.mark.parametrize("image_id", BAD_IDS, ids=lambda image_id: image_id[:45])
async def test_a_bad_id(image_id: str, method_and_path: str, client: Client) -> None:
    method, path = method_and_path.split(" ")
    asked = await exchange(client, head(client, target=f"/v1/images/{image_id}{path}", method=method))
    assert problem(asked) == (400, "invalid_image_id")


@pytest.mark.parametrize("name", BAD_EDITS)
async def test_a_bad_edit(name: str, client: Client) -> None:
    code, body = BAD_EDITS[name]
    path = f"/v1/images/{new_image_id()}"
    asked = await client.ask("PATCH", path, data=body, headers={"Content-Type": "application/json"})
    assert problem(asked) == (400, code)
