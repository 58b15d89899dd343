"""What the load test sends: sound pictures as people have them, and uploads that must be refused.

Nothing here needs Locust, so the tests send the same things, and the codes expected here cannot go stale.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from tests import pictures
from tests.forms import BAD_FORMS, FORM, file_part, form
from tests.pictures import MOST_BYTES, PHOTOS, Picture, encoded, exactly
from tests.verdicts import AT_ONCE

PIECE = 65_536


@dataclass(frozen=True)
class Sound:
    """A picture that is accepted and becomes `ready`; of `weight` in the sum of all weights."""

    weight: int
    picture: Picture

    @cached_property
    def sha256(self) -> str:
        """Of its bytes, in hex."""
        return hashlib.sha256(self.picture.data).hexdigest()

    @cached_property
    def form(self) -> bytes:
        """The picture as the only part of a form."""
        return form(file_part(self.picture.data, self.picture.content_type, 'filename="photo"'))


def _photo(name: str, width: int, height: int, quality: int) -> Picture:
    """The Hubble deep field, which hardly compresses, in this size."""

    def make() -> bytes:
        with Image.open(PHOTOS / "hubble_deep_field.jpg") as photo:
            scaled = photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        return encoded(scaled, "JPEG", quality=quality)

    return Picture(name, "image/jpeg", width, height, make=make)


SOUND: tuple[Sound, ...] = (
    Sound(20, _photo("jpeg 7 KB", 200, 150, 75)),
    Sound(12, _photo("jpeg 28 KB", 320, 240, 90)),
    Sound(30, pictures.jpeg()),
    Sound(12, pictures.jpeg_hubble()),
    Sound(4, _photo("jpeg 1.2 MB, 12 megapixels", 4000, 3000, 80)),
    Sound(2, _photo("jpeg 2.1 MB, 12 megapixels", 4000, 3000, 93)),
    Sound(5, pictures.png()),
    Sound(2, exactly(MOST_BYTES)),
    Sound(2, pictures.gif()),
    Sound(2, pictures.gif_animated()),
    Sound(5, pictures.webp()),
    Sound(4, pictures.avif()),
)


@dataclass(frozen=True)
class Refusal:
    """An upload that is answered with 400 and `code`; `chunked`: its length is not declared."""

    name: str
    code: str
    content_type: str
    body: bytes
    chunked: bool = False


def _pictures(*names: str) -> Iterator[Refusal]:
    for name in names:
        bad, code = AT_ONCE[name]
        yield Refusal(name, code, bad.content_type, bad.data)


def _forms(*names: str) -> Iterator[Refusal]:
    known = {bad.name: bad for bad in BAD_FORMS}
    for name in names:
        yield Refusal(f"form_{name}", known[name].code, FORM, known[name].body)


def refusals() -> list[Refusal]:
    """The bad uploads; their bytes are made now."""
    too_large = exactly(MOST_BYTES + 1)
    return [
        *_pictures("svg", "svg_as_png", "jpeg_as_png", "png_as_jpeg", "html_as_png", "gif_script"),
        *_pictures("png_half", "gif_half", "webp_half", "avif_half", "jpeg_signature", "png_huge", "empty"),
        *_forms("cut_in_the_file", "garbage", "no_file", "two_files", "base64", "unknown_field"),
        Refusal("too_large_by_header", "too_large", too_large.content_type, too_large.data),
        Refusal("too_large_by_body", "too_large", too_large.content_type, too_large.data, chunked=True),
        Refusal("text", "unsupported_media_type", "text/plain", b"This is not a picture."),
    ]


def choose(chance: random.Random, sound: Sequence[Sound] = SOUND) -> Sound:
    """One of the sound pictures, by weight."""
    return chance.choices(sound, [one.weight for one in sound])[0]


def in_pieces(data: bytes) -> Iterator[bytes]:
    """A body whose length is not declared."""
    for at in range(0, len(data), PIECE):
        yield data[at : at + PIECE]
