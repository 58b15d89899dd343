"""What a decoder process says of an image, believed as far as it can be checked.

The image may have got the process into its power: then the worst that it can say is a sound WebP of the right size that
shows something else, or that a picture is not sound.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.errors import Refused
from service.intake.receive import Inspection
from service.intake.structure import Limits
from service.storage.objects import VARIANT_TYPE
from worker.protocol import HEADER_BYTES

CODES = frozenset({"corrupt_image", "too_many_frames", "too_many_pixels"})
DETAIL_CHARACTERS = 300
PLACEHOLDER_BYTES = 25
"""The longest ThumbHash: https://evanw.github.io/thumbhash/"""
PIXEL_BYTES = 4


@dataclass(frozen=True, slots=True)
class Sound:
    """An image that decodes completely; `variants` maps names to width, height and WebP bytes."""

    width: int
    height: int
    frames: int
    placeholder: str
    variants: dict[str, tuple[int, int, bytes]]


@dataclass(frozen=True, slots=True)
class NotSound:
    """An image that does not decode, and why."""

    code: str
    detail: str


class OutOfMemory(Exception):
    """The decoder says that it lacked memory."""


def most_bytes(variants: Mapping[str, int]) -> int:
    """More than all variants together can have: what their pixels take uncompressed."""
    return sum(PIXEL_BYTES * side * side + HEADER_BYTES for side in variants.values())


def read_verdict(header: dict[str, Any], blobs: list[bytes], variants: Mapping[str, int]) -> Sound | NotSound:
    """The verdict in an answer; `variants` are the ones asked for, names → side of the square that each fits into.

    :raises OutOfMemory: none could be reached.
    :raises ValueError: it is not an answer that an undisturbed decoder gives.
    """
    match header.get("verdict"):
        case "out_of_memory":
            raise OutOfMemory
        case "not_sound":
            code, detail = header.get("code"), header.get("detail")
            if not isinstance(code, str) or code not in CODES or not isinstance(detail, str):
                raise ValueError("not a reason")
            return NotSound(code, "".join(filter(str.isprintable, detail[:DETAIL_CHARACTERS])))
        case "sound":
            return _sound(header, blobs, variants)
    raise ValueError("not a verdict")


def _sound(header: dict[str, Any], blobs: list[bytes], variants: Mapping[str, int]) -> Sound:
    width, height, frames = (_positive(header.get(name)) for name in ("width", "height", "frames"))
    placeholder, sizes = header.get("placeholder"), header.get("variants")
    if not isinstance(placeholder, str) or len(base64.b64decode(placeholder, validate=True)) > PLACEHOLDER_BYTES:
        raise ValueError("not a placeholder")
    if not isinstance(sizes, dict) or set(sizes) != set(variants):
        raise ValueError("not the variants that were asked for")
    checked = {
        name: _checked(size, blob, variants[name]) for (name, size), blob in zip(sizes.items(), blobs, strict=True)
    }
    return Sound(width, height, frames, placeholder, checked)


def _checked(size: Any, blob: bytes, side: int) -> tuple[int, int, bytes]:
    """One variant; its bytes are what a client would be let upload as a WebP of just that size."""
    if not isinstance(size, list) or len(size) != 2:
        raise ValueError("not a size")
    width, height = map(_positive, size)
    inspection = Inspection(VARIANT_TYPE, Limits(side * side, side, 1))
    try:
        inspection.feed(blob)
        facts = inspection.finish()
    except Refused as error:
        raise ValueError(f"not a variant: {error.detail}") from None
    if int.from_bytes(blob[4:8], "little") != len(blob) - 8:
        raise ValueError("more than a variant")
    if (facts.width, facts.height) != (width, height):
        raise ValueError("not a variant of that size")
    return width, height, blob


def _positive(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError("not a number of pixels or frames")
    return value
