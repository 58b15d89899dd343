"""The API by each kind of event: what HTTP can say arrives, and so do the answers."""

import hashlib
import io
from urllib.parse import quote, quote_plus

import pytest
from PIL import Image

from service.settings import Settings
from service.storage import Storage
from tests.api.records import record, settle
from tests.api.stored import Stored, store
from tests.driver import Answer
from tests.forms import FORM, file_part, form, word_part
from tests.functions import Function
from tests.outside import Outside
from tests.pictures import jpeg_progressive
from tests.serverless.events import Asked
from tests.serverless.senders import HTTP_API, Caller
from tests.wire import problem
from worker.decoder import Decoders

TAGS = ("a&b=c", "1+1", "100%", "%41", "%2B", "ü ö", "a;b", "x?y#z", "日本 🏞", '"<\\>"', "a/b:c@d")
PHOTO = jpeg_progressive()
NOBODY_S = "0199a1f0-0000-7000-8000-00000000abcd"
"""The id of no image."""


@pytest.fixture(scope="module")
async def photo(container: Function, settings: Settings, storage: Storage, decoders: Decoders) -> Stored:
    """A ready image of `owner`."""
    (stored,) = await store(Caller(container, HTTP_API, "owner"), settings, storage, decoders, [PHOTO])
    return stored


@pytest.fixture
def owner(caller: Caller) -> Caller:
    """`owner` by each kind of event."""
    return caller.as_user("owner")


async def taken(answer: Answer, caller: Caller, outside: Outside) -> None:
    """See that the photo has been accepted, byte for byte, and that the client is told where it is."""
    assert answer.status == 202, answer.body
    receipt = answer.json
    assert (receipt["size"], receipt["sha256"]) == (len(PHOTO.data), hashlib.sha256(PHOTO.data).hexdigest())
    path = f"{caller.kind.prefix}/v1/images/{receipt['image_id']}"
    assert answer.headers["Location"] == receipt["links"]["self"] == path
    key = f"incoming/{caller.user}/{receipt['image_id']}"
    staged = await outside.s3.get_object(Bucket=outside.settings.bucket, Key=key)
    assert await staged["Body"].read() == PHOTO.data
    assert (await caller.get(answer.headers["Location"])).json == receipt


async def test_a_raw_upload(caller: Caller, outside: Outside) -> None:
    words = "filename=" + quote("höhe & mehr.jpg") + "&title=" + quote_plus("1 + 1 = 100%")
    answer = await caller.upload(PHOTO.data, PHOTO.content_type, f"/v1/images?{words}")
    await taken(answer, caller, outside)
    assert (answer.json["filename"], answer.json["title"]) == ("höhe & mehr.jpg", "1 + 1 = 100%")


async def test_a_form(caller: Caller, outside: Outside) -> None:
    body = form(word_part("title", "Ü & =+%"), file_part(PHOTO.data, PHOTO.content_type), word_part("tags", "a,%41"))
    answer = await caller.upload(body, FORM)
    await taken(answer, caller, outside)
    assert (answer.json["title"], answer.json["tags"]) == ("Ü & =+%", ["a", "%41"])


async def test_parameters_that_come_several_times(caller: Caller) -> None:
    """All values arrive in their order; of a load balancer that keeps one of each, the last."""
    tags = ["a b", "c&d", "ü"]
    query = "&".join(f"tags={quote(tag)}" for tag in tags)
    answer = await caller.upload(PHOTO.data, PHOTO.content_type, f"/v1/images?{query}")
    assert (answer.status, answer.json["tags"]) == (202, tags if caller.kind.repeats else tags[-1:])
    twice = await caller.get("/v1/images?limit=5&limit=6")
    assert problem(twice) == (400, "invalid_parameter") if caller.kind.repeats else twice.status == 200


@pytest.mark.parametrize("encode", [lambda text: quote(text, safe=""), quote_plus], ids=["percent", "plus"])
async def test_parameters_with_any_character(caller: Caller, storage: Storage, encode: object) -> None:
    """A filter finds what has just that tag, whoever decodes it."""
    assert callable(encode)
    ids = await settle(storage, *(record(caller.user, tags=(tag,)) for tag in TAGS))
    for tag, image_id in zip(TAGS, ids, strict=True):
        answer = await caller.get(f"/v1/images?limit=5&tag={encode(tag)}&order=asc")
        assert [image["image_id"] for image in answer.json["images"]] == [image_id], tag
        assert answer.json["images"][0]["links"]["self"] == f"{caller.kind.prefix}/v1/images/{image_id}"


async def test_an_edit(caller: Caller, storage: Storage) -> None:
    """JSON comes as it is, not in base64."""
    (image_id,) = await settle(storage, record(caller.user))
    asked = {"title": 'Höhe "2"', "tags": ["a", "ü"]}
    answer = await caller.ask("PATCH", f"/v1/images/{image_id}", json=asked, headers={"If-Match": '"1"'})
    assert (answer.status, {name: answer.json[name] for name in asked}) == (200, asked)
    other = {"title": "another"}
    late = await caller.ask("PATCH", f"/v1/images/{image_id}", json=other, headers={"If-Match": '"1"'})
    assert problem(late) == (412, "version_mismatch")


async def test_a_deletion(caller: Caller, storage: Storage) -> None:
    (image_id,) = await settle(storage, record(caller.user))
    for _ in range(2):
        event = caller.kind.event(Asked("DELETE", f"/v1/images/{image_id}"), caller.user)
        answer = await caller.function.invoke(event)
        assert (answer["statusCode"], answer["body"], answer["isBase64Encoded"]) == (204, "", False)
    assert problem(await caller.get(f"/v1/images/{image_id}")) == (404, "image_not_found")


async def test_the_bytes(owner: Caller, photo: Stored) -> None:
    answer = await owner.get(photo.content)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, PHOTO.data, "image/jpeg")
    thumb = await owner.get(f"{photo.content}?variant=thumb")
    with Image.open(io.BytesIO(thumb.body)) as image:
        assert image.format == "WEBP"


async def test_a_head(owner: Caller, photo: Stored) -> None:
    """All that GET says, without the bytes."""
    whole, head = await owner.get(photo.content), await owner.ask("HEAD", photo.content)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(PHOTO.data)))
    assert head.own_headers == whole.own_headers


async def test_what_the_client_has_already(owner: Caller, photo: Stored) -> None:
    tag = '"' + photo.record["sha256"] + '"'
    answer = await owner.get(photo.content, If_None_Match=tag)
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)


async def test_a_range(owner: Caller, photo: Stored) -> None:
    size = len(PHOTO.data)
    answer = await owner.get(photo.content, Range="bytes=10-19")
    assert (answer.status, answer.body) == (206, PHOTO.data[10:20])
    assert answer.headers["Content-Range"] == f"bytes 10-19/{size}"
    beyond = await owner.get(photo.content, Range=f"bytes={size}-")
    assert (problem(beyond), beyond.headers["Content-Range"]) == ((416, "range_not_satisfiable"), f"bytes */{size}")


async def test_a_form_for_a_direct_upload(caller: Caller) -> None:
    answer = await caller.ask("POST", "/v1/uploads", json={"content_type": "image/jpeg", "title": "ü"})
    path = f"{caller.kind.prefix}/v1/images/{answer.json['image_id']}"
    assert (answer.status, answer.headers["Location"], answer.json["links"]) == (201, path, {"self": path})


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        ("GET", "/nothing", (404, "not_found")),
        ("GET", "/v2/images", (404, "not_found")),
        ("GET", "/v1/images/", (404, "not_found")),
        ("PUT", "/v1/images", (405, "method_not_allowed")),
        ("POST", f"/v1/images/{NOBODY_S}", (405, "method_not_allowed")),
        ("GET", f"/v1/images/{NOBODY_S}", (404, "image_not_found")),
        ("GET", "/v1/images/%C3%BC%20%23", (400, "invalid_image_id")),
    ],
)
async def test_problems(caller: Caller, method: str, path: str, refusal: tuple[int, str]) -> None:
    answer = await caller.ask(method, path)
    assert problem(answer) == refusal
    assert ("Allow" in answer.headers) == (answer.status == 405)


async def test_nobody_gets_in(caller: Caller) -> None:
    assert problem(await caller.anonymously(Asked("GET", "/v1/images"))) == (401, "unauthenticated")


async def test_health_needs_nobody(caller: Caller) -> None:
    for path in ("/healthz", "/readyz"):
        answer = await caller.anonymously(Asked("GET", path))
        assert (answer.status, answer.json["status"]) == (200, "ok")


async def test_there_are_no_metrics(caller: Caller) -> None:
    """A container knows only of itself, and the next request may reach another one."""
    assert problem(await caller.get("/metrics")) == (404, "not_found")


async def test_cookies_and_headers_of_the_client_s_connection_do_no_harm(caller: Caller) -> None:
    """What the client said to the gateway about its connection and the length of its body is over by now."""
    headers = {
        **{"Cookie": "session=abc123; theme=dark", "Connection": "close, Upgrade", "Upgrade": "h2c"},
        **{"Content-Length": "1", "Transfer-Encoding": "chunked", "Expect": "100-continue", "TE": "trailers"},
        **{"Content-Type": PHOTO.content_type, "Host": "elsewhere.example", "Accept-Encoding": "gzip, br"},
    }
    answer = await caller.ask("POST", "/v1/images", headers=headers, data=PHOTO.data)
    assert (answer.status, answer.json["size"]) == (202, len(PHOTO.data))
