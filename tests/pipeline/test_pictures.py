"""Every sound picture becomes an image that looks as it is meant to; what does not decode becomes a rejection."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps, ImageStat

from service.settings import Settings
from service.storage import Storage
from tests.backstage import Backstage, drain, whole, working
from tests.bad_pictures import ONLY_DECODING_TELLS, Bad
from tests.driver import Answer, Client, client_of
from tests.pictures import BLUE, PHOTOS, RED, SOUND, Picture, photo
from worker.decoder import Decoders

SIDES = {"thumb": 256, "preview": 1024}
UPLOADS_AT_ONCE = 8
FIELDS = 8
FIELD_PIXELS = 16
LOOKS_ALIKE = 10
"""Of 255, in the mean of any field: more than WebP's losses, less than any mistake."""


@dataclass(frozen=True)
class Gallery:
    """A user, the answers to all of their uploads, and the records once the worker was done."""

    owner: Client
    answers: dict[str, Answer] = field(default_factory=dict)
    records: dict[str, Any] = field(default_factory=dict)

    def record(self, picture: Picture | Bad) -> Any:
        """The record of an upload, by the name of its picture."""
        return self.records[picture.name]


@pytest.fixture(scope="module")
async def gallery(settings: Settings, storage: Storage, decoders: Decoders) -> AsyncIterator[Gallery]:
    """All pictures uploaded, and the queue drained once."""
    async with client_of(settings, "owner") as owner:
        made, places = Gallery(owner), asyncio.Semaphore(UPLOADS_AT_ONCE)

        async def upload(picture: Picture | Bad) -> None:
            async with places:
                made.answers[picture.name] = await owner.upload(io.BytesIO(picture.data), picture.content_type)

        everything: list[Picture | Bad] = [*SOUND, *ONLY_DECODING_TELLS.values()]
        await asyncio.gather(*map(upload, everything))
        await drain(settings, storage, decoders)
        for name, answer in made.answers.items():
            if answer.status == 202:
                made.records[name] = (await owner.get(answer.headers["Location"])).json
        yield made


def _with_alpha() -> Image.Image:
    image = photo().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def _stacked() -> Image.Image:
    image = Image.new("RGB", (240, 320), BLUE)
    image.paste(RED, (0, 0, 240, 160))
    return image


def _swapped() -> Image.Image:
    image = Image.new("RGB", (320, 240), BLUE)
    image.paste(RED, (160, 0, 320, 240))
    return image


def _rocket() -> Image.Image:
    """Its colours are those of Adobe RGB."""
    with Image.open(PHOTOS / "rocket.jpg") as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        shown = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"))
    assert shown is not None
    return shown


# What a picture shows, where no reading of it without the service would be a proof.
MEANT: dict[str, Callable[[], Image.Image]] = {
    "jpeg": _rocket,
    "jpeg_orientation_gps": _stacked,
    "avif_orientation": _stacked,
    "jpeg_swapped_profile": _swapped,
    "jpeg_large_metadata": _swapped,
    "jpeg_cmyk": photo,
    "jpeg_cmyk_rgb_profile": photo,
    "jpeg_junk_metadata": photo,
    "jpeg_mpo": photo,
    "jpeg_grayscale": lambda: photo().convert("L"),
    "png_interlaced": lambda: photo().convert("L"),
    "png_gray_16_bit": lambda: Image.linear_gradient("L").rotate(90).resize((256, 64)),
    "png_rgba": _with_alpha,
    "png_gray_alpha": lambda: _with_alpha().convert("LA"),
    "avif_alpha": _with_alpha,
    "webp_extended": lambda: _red_and_blue_exchanged(_with_alpha()),
}


def _red_and_blue_exchanged(image: Image.Image) -> Image.Image:
    red, green, blue, alpha = image.split()
    return Image.merge("RGBA", (blue, green, red, alpha))


def meant(picture: Picture) -> Image.Image:
    """What the picture shows to somebody who looks at it, its first frame."""
    if picture.name in MEANT:
        return MEANT[picture.name]().convert("RGBA")
    with Image.open(io.BytesIO(picture.data)) as image:
        return ImageOps.exif_transpose(image).convert("RGBA")


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """The size within a square, never enlarged."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def fields_of(image: Image.Image) -> list[float]:
    """The mean of red, green, blue (times opacity) and opacity, in each field of a grid over the picture."""
    columns, rows = (max(1, min(FIELDS, length // FIELD_PIXELS)) for length in image.size)
    small = image.convert("RGBA").convert("RGBa").resize((columns, rows), Image.Resampling.BOX)
    return [float(value) for value in small.tobytes()]


def chunks_of(webp: bytes) -> set[bytes]:
    """The names of the chunks in a WebP file."""
    names, at = set(), 12
    while at < len(webp):
        names.add(webp[at : at + 4])
        length = int.from_bytes(webp[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return names


def average_of(thumbhash: bytes) -> tuple[float, ...]:
    """The average colour and opacity that a ThumbHash begins with (evanw.github.io/thumbhash)."""
    header = int.from_bytes(thumbhash[:3], "little")
    lightness, yellow_blue, red_green = (
        (header & 63) / 63,
        (header >> 6 & 63) / 31.5 - 1,
        (header >> 12 & 63) / 31.5 - 1,
    )
    blue = lightness - 2 / 3 * yellow_blue
    red = (3 * lightness - blue + red_green) / 2
    opacity = (thumbhash[5] & 15) / 15 if header >> 23 else 1.0
    return tuple(255 * min(1.0, max(0.0, value)) for value in (red, red - red_green, blue, opacity))


async def variant(gallery: Gallery, picture: Picture, name: str) -> bytes:
    """The bytes of a variant, as its owner gets them."""
    answer = await gallery.owner.get(gallery.record(picture)["variants"][name]["url"])
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp"), answer
    return answer.body


@pytest.mark.parametrize("picture", SOUND, ids=str)
async def test_a_sound_picture_becomes_ready_and_its_original_stays_as_it_was(
    gallery: Gallery, picture: Picture
) -> None:
    """Byte for byte, with the facts that the receipt has told already."""
    receipt, record = gallery.answers[picture.name].json, gallery.record(picture)
    assert (record["status"], record["reason"]) == ("ready", None)
    told = {
        name for name in receipt if name not in ("status", "updated_at", "version", "placeholder", "variants", "links")
    }
    assert {name: record[name] for name in told} == {name: receipt[name] for name in told}
    original = await gallery.owner.get(record["links"]["content"])
    assert (original.status, original.headers["Content-Type"]) == (200, picture.content_type)
    assert original.body == picture.data


@pytest.mark.parametrize("name", SIDES)
@pytest.mark.parametrize("picture", SOUND, ids=str)
async def test_variants_are_small_upright_and_without_metadata(gallery: Gallery, picture: Picture, name: str) -> None:
    """WebP, of the size that the record tells, never enlarged, and nothing in it but the picture."""
    data, told = await variant(gallery, picture, name), gallery.record(picture)["variants"][name]
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "WEBP"
        assert image.size == fitted(*meant(picture).size, SIDES[name]) == (told["width"], told["height"])
    assert len(data) == told["size"]
    assert chunks_of(data) <= {b"VP8 ", b"VP8L", b"VP8X", b"ALPH"}


@pytest.mark.parametrize("picture", SOUND, ids=str)
async def test_a_variant_shows_what_the_picture_shows(gallery: Gallery, picture: Picture) -> None:
    """The right colours in the right places: upright, in sRGB, not inverted, not clipped, as opaque as it was."""
    with Image.open(io.BytesIO(await variant(gallery, picture, "preview"))) as image:
        shown = fields_of(image)
    expected = fields_of(meant(picture))
    assert max(abs(one - other) for one, other in zip(shown, expected, strict=True)) <= LOOKS_ALIKE


@pytest.mark.parametrize("picture", SOUND, ids=str)
async def test_the_placeholder_has_the_colour_of_the_picture(gallery: Gallery, picture: Picture) -> None:
    """A ThumbHash tells it to 6 bits, and opacity to 4."""
    average = average_of(base64.b64decode(gallery.record(picture)["placeholder"], validate=True))
    image = meant(picture)
    opacity = ImageStat.Stat(image).mean[3]
    colour = [255 * value / opacity for value in ImageStat.Stat(image.convert("RGBa")).mean[:3]]
    assert average == pytest.approx((*colour, opacity), abs=LOOKS_ALIKE)


def test_most_of_what_only_decoding_tells_is_accepted_at_first(gallery: Gallery) -> None:
    """Else the tests of rejection would show nothing."""
    accepted = [name for name in ONLY_DECODING_TELLS if name in gallery.records]
    assert len(accepted) > len(ONLY_DECODING_TELLS) / 2


@pytest.mark.parametrize("picture", ONLY_DECODING_TELLS.values(), ids=str)
async def test_what_does_not_decode_is_rejected_and_its_owner_sees_why(gallery: Gallery, picture: Bad) -> None:
    """By the worker, unless the service has refused it already; others see nothing of it."""
    if picture.name not in gallery.records:
        assert (gallery.answers[picture.name].status, gallery.answers[picture.name].code) == (400, "corrupt_image")
        return
    record = gallery.record(picture)
    assert (record["status"], record["reason"]["code"]) == ("rejected", "corrupt_image")
    assert record["reason"]["detail"]
    assert (record["variants"], record["placeholder"]) == ({}, None)
    listed = (await gallery.owner.get("/v1/images?status=rejected&limit=200")).json["images"]
    assert record in listed
    path = record["links"]["self"]
    assert (await gallery.owner.get(f"{path}/content")).status >= 400
    assert (await gallery.owner.as_user("stranger").get(path)).status == 404


async def test_s3_keeps_ready_images_and_nothing_else(gallery: Gallery, backstage: Backstage) -> None:
    """Neither staged bytes nor any of a rejected image; and no message is left, not even a dead one."""
    ready = [record["image_id"] for record in gallery.records.values() if record["status"] == "ready"]
    assert await backstage.keys_of("owner") == {key for image_id in ready for key in whole(image_id)}
    assert (await backstage.messages(), await backstage.dead_letters()) == (0, [])


async def test_who_waits_gets_the_rejection_as_400(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """With `Prefer: wait` and a worker, such an upload ends like any other that is invalid."""
    names = ("png_pixels_cut", "gif_last_frame", "webp_pixels_missing", "avif_last_frame")
    bad = [ONLY_DECODING_TELLS[name] for name in names]
    async with working(settings, storage, decoders):
        answers = await asyncio.gather(*(client.upload(one.data, one.content_type, Prefer="wait=20") for one in bad))
    assert [(answer.status, answer.code) for answer in answers] == [(400, "corrupt_image")] * len(bad)
    assert await backstage.keys_of(client.user) == set()
