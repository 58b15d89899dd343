"""Every refusal of an upload, of a query and of an edit once more, by events; nothing comes of any in AWS.

Left out is what no event can say: the framing of a body. A gateway has it whole before it makes an event of it, so the
broken chunks, the stalled and the short bodies of `tests/test_upload_validation.py` end there.
"""

from io import BytesIO
from urllib.parse import quote, urlencode

import pytest

from service.images import new_image_id
from service.settings import Settings
from service.storage import Storage
from tests.backstage import drain
from tests.bad_pictures import FOREIGN, Bad
from tests.bad_requests import BAD_EDITS, BAD_HEADERS, BAD_IDS, BAD_LISTS, BAD_QUERIES, BAD_USERS, BAD_WORDS
from tests.forms import BAD_FORMS, FORM, PNG, BadForm, file_part, form, word_part
from tests.outside import Outside
from tests.pictures import MOST_BYTES, exactly, noise
from tests.serverless.events import Asked, Pairs
from tests.serverless.senders import Caller
from tests.uploads import TYPE, Refuses, send
from tests.verdicts import AT_ONCE, LATER
from tests.wire import problem
from worker.decoder import Decoders


def pairs(lines: list[str]) -> Pairs:
    """Header lines as names and values."""
    return tuple((name, value.removeprefix(" ")) for name, _, value in (line.partition(":") for line in lines))


EMPTY = ("no_body", "length_0", "form_of_length_0")
LENGTHS = (
    *("one_byte_too_many", "a_petabyte", "form_too_large", "two_lengths", "transfer_encoding"),
    *(name for name in BAD_HEADERS if name.startswith("length_") and name not in EMPTY),
)
"""Headers that are wrong only in what they say of the body's length and framing."""


# Headers


@pytest.mark.parametrize("name", [name for name in BAD_HEADERS if name not in LENGTHS])
async def test_headers(name: str, rest: Caller, refuses: Refuses) -> None:
    code, lines = BAD_HEADERS[name]
    body = None if name in EMPTY else PNG
    await refuses(rest.send(Asked("POST", "/v1/images", headers=pairs(lines), body=body)), code)


@pytest.mark.parametrize("name", LENGTHS)
async def test_what_headers_say_of_the_length_was_the_gateway_s_business(name: str, rest: Caller) -> None:
    """The body in the event is the body, so it is taken."""
    _, lines = BAD_HEADERS[name]
    body = form(file_part()) if any(FORM in line for line in lines) else PNG
    answer = await rest.send(Asked("POST", "/v1/images", headers=pairs(lines), body=body))
    assert (answer.status, answer.json["size"]) == (202, len(PNG))


@pytest.mark.parametrize("name", BAD_USERS)
async def test_users(name: str, rest: Caller, refuses: Refuses) -> None:
    """Whom the gateway names, where the service trusts it."""
    code, lines = BAD_USERS[name]
    asked = Asked("POST", "/v1/images", headers=pairs([TYPE, *lines]), body=PNG)
    await refuses(rest.anonymously(asked), code, 401)


# Bodies


@pytest.mark.parametrize("name", AT_ONCE)
async def test_pictures(name: str, rest: Caller, refuses: Refuses) -> None:
    picture, code = AT_ONCE[name]
    await refuses(send(rest, "raw", picture.data, picture.content_type), code)


@pytest.mark.parametrize("content_type", [None, "application/octet-stream"], ids=["untyped", "octets"])
@pytest.mark.parametrize("picture", FOREIGN.values(), ids=str)
async def test_parts_without_a_type(picture: Bad, content_type: str | None, rest: Caller, refuses: Refuses) -> None:
    await refuses(rest.upload(form(file_part(picture.data, content_type)), FORM), "signature_mismatch")


async def test_what_only_decoding_tells(
    rest: Caller, settings: Settings, storage: Storage, decoders: Decoders, outside: Outside
) -> None:
    """Taken at first, rejected by the worker; of the bytes nothing is left."""
    taken = [(await send(rest, "raw", one.data, one.content_type)).json for one in LATER.values()]
    await drain(settings, storage, decoders)
    for name, receipt in zip(LATER, taken, strict=True):
        record = (await rest.get(receipt["links"]["self"])).json
        assert (record["status"], record["reason"]["code"]) == ("rejected", "corrupt_image"), name
    assert not [key for key in await outside.keys() if rest.user in key]


@pytest.mark.parametrize("way", ["raw", "multipart"])
async def test_too_large(way: str, rest: Caller, refuses: Refuses) -> None:
    """Should an event ever be so large: to the byte, and by far."""
    sound = exactly(MOST_BYTES)
    for data in (sound.data + b"\0", sound.data + noise(1_000_000)):
        await refuses(send(rest, way, data, sound.content_type), "too_large")


@pytest.mark.parametrize("bad_form", BAD_FORMS, ids=str)
async def test_forms(bad_form: BadForm, rest: Caller, refuses: Refuses) -> None:
    await refuses(rest.upload(BytesIO(bad_form.body), FORM), bad_form.code)


# Words and parameters


@pytest.mark.parametrize("name", BAD_WORDS)
async def test_words(name: str, rest: Caller, refuses: Refuses) -> None:
    code, words = BAD_WORDS[name]
    await refuses(rest.upload(PNG, "image/png", f"/v1/images?{urlencode(words)}"), code)
    filename = words.get("filename", "")
    others = [word_part(field, text) for field, text in words.items() if field != "filename"]
    for notation in (f'filename="{filename}"', f"filename*=UTF-8''{quote(filename)}"):
        if "\n" not in notation:  # which would be a header of its own
            await refuses(rest.upload(form(*others, file_part(filename=notation)), FORM), code)


@pytest.mark.parametrize("name", BAD_QUERIES)
async def test_queries_of_uploads(name: str, caller: Caller, refuses: Refuses) -> None:
    code, query = BAD_QUERIES[name]
    if caller.kind.repeats or "twice" not in name:
        await refuses(caller.upload(PNG, "image/png", f"/v1/images?{query}"), code)


@pytest.mark.parametrize("name", BAD_LISTS)
async def test_queries_of_lists(name: str, caller: Caller) -> None:
    """Of two values some senders hand over one, and then nothing is wrong any more."""
    code, query = BAD_LISTS[name]
    answer = await caller.get(f"/v1/images?{query}")
    if caller.kind.repeats or query != "limit=5&limit=6":
        assert problem(answer) == (400, code)
    else:
        assert answer.status == 200


@pytest.mark.parametrize("method_and_path", ["GET ", "DELETE ", "PATCH ", "GET /content"])
@pytest.mark.parametrize("image_id", BAD_IDS, ids=lambda image_id: image_id[:45])
async def test_ids(image_id: str, method_and_path: str, rest: Caller) -> None:
    method, path = method_and_path.split(" ")
    assert problem(await rest.ask(method, f"/v1/images/{image_id}{path}")) == (400, "invalid_image_id")


@pytest.mark.parametrize("kind", ["application/json", "application/merge-patch+json"])
@pytest.mark.parametrize("name", BAD_EDITS)
async def test_edits(name: str, kind: str, rest: Caller) -> None:
    """Of the first type as text, of the second in base64; as text there are no bytes that are none."""
    code, body = BAD_EDITS[name]
    if (name, kind) != ("not_utf8", "application/json"):
        answer = await rest.ask("PATCH", f"/v1/images/{new_image_id()}", data=body, headers={"Content-Type": kind})
        assert problem(answer) == (400, code)
