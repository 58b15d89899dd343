"""Which formats are taken, and what tells them: the declared media type, the signature, and the structure behind it."""

from collections.abc import Callable

import filetype

from service.errors import Refused
from service.intake.structure import Shape, Walker
from service.intake.walkers.avif import avif
from service.intake.walkers.gif import gif
from service.intake.walkers.jpeg import jpeg
from service.intake.walkers.png import png
from service.intake.walkers.webp import webp

WALKERS: dict[str, Callable[[Shape], Walker]] = {
    "image/jpeg": jpeg,
    "image/png": png,
    "image/gif": gif,
    "image/webp": webp,
    "image/avif": avif,
}
ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/apng": "image/png",
    "image/x-png": "image/png",
}
TAKEN = "JPEG, PNG, GIF, WebP and AVIF"
SIGNATURE_BYTES = 64
"""How many first bytes the signature is looked for in; a whole file may have fewer."""


def media_type(declared: str) -> str:
    """The canonical media type of a declared one, parameters left out.

    :raises Refused: not an image that this service takes.
    """
    bare = declared.partition(";")[0].strip().lower()
    bare = ALIASES.get(bare, bare)
    if bare not in WALKERS:
        raise Refused("unsupported_media_type", f"Only {TAKEN} are taken, not {bare[:100] or 'an unnamed type'!r}.")
    return bare


def detect(head: bytes, declared: str | None) -> str:
    """The media type that the first bytes show, which must agree with the declared one.

    :raises Refused: no image that this service takes, or not the declared one.
    """
    kind = filetype.image_match(head)
    detected: str | None = ALIASES.get(kind.mime, kind.mime) if kind else None
    # filetype knows only AVIF files whose major brand is `avif`; the walker reads the brands and decides.
    if head[4:8] == b"ftyp" and (declared == "image/avif" or detected is None):
        detected = "image/avif"
    if detected not in WALKERS:
        found = f"the bytes look like {detected}" if detected else "the bytes are no image"
        raise Refused("signature_mismatch", f"Only {TAKEN} are taken; {found}.")
    if declared and detected != declared:
        raise Refused("signature_mismatch", f"Declared as {declared}, but the bytes are {detected}.")
    return detected
