"""Small pictures, each of its own bytes, so that what is stored tells whose upload it was."""

import hashlib
import random
from dataclasses import dataclass
from functools import cached_property

from PIL import Image

from tests.pictures import encoded, noise

SIDES = (8, 24, 64)
KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
TOO_SHORT = 0.8
"""Of a JPEG whose end is missing only decoding tells."""
NO_PICTURES = {"image/png": b"<svg>", "image/gif": b"GIF89a<script>", "image/jpeg": b"\xff\xd8\xff<html>"}


@dataclass(frozen=True)
class Specimen:
    """Bytes to upload as that type; `verdict` is what becomes of them: `ready`, `rejected`, or `refused` at once."""

    data: bytes
    content_type: str
    verdict: str

    @cached_property
    def sha256(self) -> str:
        """Of the bytes, in hex."""
        return hashlib.sha256(self.data).hexdigest()


def sound(dice: random.Random) -> Specimen:
    """One that becomes `ready`."""
    kind, side = dice.choice(list(KINDS)), dice.choice(SIDES)
    pixels = noise(side * side * 3, dice.getrandbits(63))
    return Specimen(encoded(Image.frombytes("RGB", (side, side), pixels), kind), KINDS[kind], "ready")


def broken(dice: random.Random) -> Specimen:
    """One that is accepted and then rejected by the worker."""
    whole = encoded(Image.frombytes("RGB", (64, 64), noise(64 * 64 * 3, dice.getrandbits(63))), "JPEG", quality=95)
    return Specimen(whole[: int(len(whole) * TOO_SHORT)], "image/jpeg", "rejected")


def none_at_all(dice: random.Random) -> Specimen:
    """One that is refused while it arrives."""
    content_type, begin = dice.choice(list(NO_PICTURES.items()))
    return Specimen(begin + noise(64, dice.getrandbits(63)), content_type, "refused")
