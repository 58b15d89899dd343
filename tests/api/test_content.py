"""`GET /v1/images/{id}/content`: the bytes of an image, and the headers they come with."""

import io
from dataclasses import replace

import aiohttp
import pytest
from PIL import Image
from yarl import URL

from service.images import Status
from service.settings import Settings
from service.storage import Storage
from tests.api.records import now_id, record, settle
from tests.api.stored import FILENAME, Stored, store
from tests.driver import Answer, Client, client_of
from tests.pictures import TINY, jpeg_mpo
from worker.decoder import Decoders


def assert_safe(answer: Answer) -> None:
    """No browser takes it for anything but a picture, whatever its bytes and its file name are."""
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "evil" not in str(answer.headers)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "private" in answer.headers["Cache-Control"], "a shared cache would hand it to other users"
    assert "immutable" in answer.headers["Cache-Control"]


async def test_the_original(owner: Client, settings: Settings, storage: Storage, decoders: Decoders) -> None:
    """Byte for byte, as the type that it was found to be, under a name made of its id."""
    extensions = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp"}
    extensions["image/avif"] = "avif"
    given = [*TINY.values(), jpeg_mpo()]
    for picture, stored in zip(given, await store(owner, settings, storage, decoders, given), strict=True):
        answer = await owner.get(stored.content)
        assert (answer.status, answer.body) == (200, picture.data)
        assert answer.headers["Content-Type"] == picture.content_type
        assert answer.headers["Content-Length"] == str(len(picture.data))
        name = f"{stored.record['image_id']}.{extensions[picture.content_type]}"
        assert answer.headers["Content-Disposition"] == f'inline; filename="{name}"'
        assert stored.record["filename"] == FILENAME
        assert_safe(answer)
        assert (await owner.get(f"{stored.content}?variant=original")).body == picture.data


@pytest.mark.parametrize(("variant", "size"), [("thumb", (256, 171)), ("preview", (640, 427))])
async def test_variants(owner: Client, photo: Stored, variant: str, size: tuple[int, int]) -> None:
    """WebP of the sizes that the record says."""
    said = photo.record["variants"][variant]
    answer = await owner.get(said["url"])
    assert (answer.status, answer.headers["Content-Type"], len(answer.body)) == (200, "image/webp", said["size"])
    with Image.open(io.BytesIO(answer.body)) as image:
        assert (image.format, image.size) == ("WEBP", size)
    assert (said["width"], said["height"]) == size
    assert answer.headers["Content-Disposition"] == f'inline; filename="{photo.record["image_id"]}.webp"'
    assert_safe(answer)


async def test_each_kind_of_bytes_has_a_tag_of_its_own(owner: Client, photo: Stored) -> None:
    """Strong tags, the same each time; editing the record does not change them."""
    paths = [photo.content, *(variant["url"] for variant in photo.record["variants"].values())]
    tags = [(await owner.get(path)).headers["ETag"] for path in paths]
    assert len(set(tags)) == len(tags) > 2
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)
    assert photo.record["sha256"] in tags[0]
    edited = await owner.ask("PATCH", photo.record["links"]["self"], json={"title": "other"})
    assert edited.status == 200
    assert [(await owner.get(path)).headers["ETag"] for path in paths] == tags


@pytest.mark.parametrize("query", ["", "?variant=thumb"])
async def test_head(owner: Client, photo: Stored, query: str) -> None:
    """All that GET says, without the bytes. `Range` is for GET only (RFC 9110, section 14.2)."""
    whole = await owner.get(photo.content + query)
    for headers in ({}, {"Range": "bytes=0-9"}):
        head = await owner.ask("HEAD", photo.content + query, headers=headers)
        assert (head.status, head.body) == (200, b"")
        assert head.own_headers == whole.own_headers


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),  # the comparison is weak: RFC 9110, section 13.1.2
        ('"other", {tag}', 304),
        ('"other",W/{tag} , "third"', 304),
        ("*", 304),
        ('"other"', 200),
        ("W/{tag}-thumb", 200),
        ('"{tag}"', 200),
        ("nonsense", 200),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_if_none_match(owner: Client, photo: Stored, method: str, condition: str, status: int) -> None:
    """Who has the bytes already does not get them again, but the headers that keep the copy fresh."""
    tag = (await owner.get(photo.content)).headers["ETag"]
    headers = {"If-None-Match": condition.format(tag=tag)}
    answer = await owner.ask(method, photo.content, headers=headers)
    assert answer.status == status
    assert answer.headers["ETag"] == tag
    assert "immutable" in answer.headers["Cache-Control"]
    if status == 304:
        assert answer.body == b""
        both = await owner.ask(method, photo.content, headers={**headers, "Range": "bytes=0-9"})
        assert both.status == 304


@pytest.mark.parametrize("variant", ["original", "thumb", "preview"])
async def test_the_redirect_needs_no_credentials(
    owner: Client, photo: Stored, settings: Settings, variant: str
) -> None:
    """Whoever has the URL gets these bytes for a while, as a picture, and nothing else by it."""
    path = f"{photo.content}?variant={variant}"
    answer = await owner.get(f"{path}&redirect=1")
    assert (answer.status, answer.body, answer.headers["Cache-Control"]) == (302, b"", "no-store")
    url = answer.headers["Location"]
    assert f"X-Amz-Expires={settings.presign_seconds}" in url
    whole = await owner.get(path)
    async with aiohttp.ClientSession() as plain:
        async with plain.get(URL(url, encoded=True)) as direct:
            assert (direct.status, await direct.read()) == (200, whole.body)
            assert direct.headers["Content-Type"] == whole.headers["Content-Type"]
            assert "evil" not in str(direct.headers)
        other = url.replace(photo.record["image_id"], now_id())
        async with plain.get(URL(other, encoded=True)) as changed:
            assert changed.status == 403


async def test_redirects_lead_to_where_clients_reach_s3(photo: Stored, settings: Settings) -> None:
    """With `AWS_PUBLIC_ENDPOINT_S3`, which is signed for too; the service's own calls go where they did."""
    assert settings.endpoint_s3 is not None
    public = settings.endpoint_s3.replace("127.0.0.1", "localhost")
    async with client_of(replace(settings, public_endpoint_s3=public), "owner") as client:
        url = (await client.get(f"{photo.content}?redirect=1")).headers["Location"]
        assert url.startswith(f"{public}/")
        async with aiohttp.ClientSession() as plain, plain.get(URL(url, encoded=True)) as direct:
            assert (direct.status, await direct.read()) == (200, photo.data)


@pytest.mark.parametrize("query", ["", "&redirect=1"], ids=["bytes", "redirect"])
async def test_an_image_from_before_there_was_this_variant(client: Client, storage: Storage, query: str) -> None:
    """It has those that its record names, and of the others the answer says so."""
    (image_id,) = await settle(storage, record(client.user))
    answer = await client.get(f"/v1/images/{image_id}/content?variant=preview{query}")
    assert (answer.status, answer.code) == (404, "variant_not_found")


@pytest.mark.parametrize("value", ["0", "false"])
async def test_no_redirect_when_told_so(owner: Client, photo: Stored, value: str) -> None:
    """The parameter says yes or no."""
    answer = await owner.get(f"{photo.content}?redirect={value}")
    assert (answer.status, answer.body) == (200, photo.data)


@pytest.mark.parametrize(
    "query",
    [
        "variant=huge",
        "variant=",
        "variant=Thumb",
        "variant=..%2Foriginal",
        "variant=thumb&variant=preview",
        "size=thumb",
        "redirect=1&redirect=0",
        "redirect=1&variant=huge",
    ],
)
async def test_parameters_that_make_no_sense(owner: Client, photo: Stored, query: str) -> None:
    """Refused, rather than other bytes than those asked for."""
    answer = await owner.get(f"{photo.content}?{query}")
    assert (answer.status, answer.code) == (400, "invalid_parameter")


@pytest.mark.parametrize("query", ["", "?variant=thumb", "?redirect=1"])
async def test_what_is_not_ready_has_no_content(client: Client, storage: Storage, query: str) -> None:
    """409 while it is queued, and when it never became one: the image is there, its bytes are not to be had."""
    queued = (await client.upload(TINY["image/png"].data, "image/png")).json["image_id"]
    rejected, failed = await settle(
        storage, *(record(client.user, status=status) for status in (Status.REJECTED, Status.FAILED))
    )
    for image_id in (queued, rejected, failed):
        answer = await client.get(f"/v1/images/{image_id}/content{query}")
        assert (answer.status, answer.code) == (409, "image_not_ready")


async def test_bytes_that_are_gone(client: Client, storage: Storage) -> None:
    """A record whose object somebody removed from S3 is no 500."""
    (image_id,) = await settle(storage, record(client.user))
    answer = await client.get(f"/v1/images/{image_id}/content")
    assert (answer.status, answer.code) == (404, "image_not_found")
