"""What is uploaded: bytes, of which kind they are, under which name, and the key that stands for them."""

import asyncio
import hashlib
import mimetypes
import unicodedata
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from service.remote.errors import Refused

LARGEST = 5 * 1024 * 1024
"""Bytes of the largest image that the service takes, and the most of a file that is held in memory."""
CHUNK = 64 * 1024
HEAD = 16
"""So many bytes tell the format."""
UNKNOWN = "application/octet-stream"
KINDS = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
}
NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes to be sent, as often as it takes. Of a file that is larger than any image, they stay in the file."""

    size: int
    head: bytes
    data: bytes | None = None
    path: Path | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """All bytes in order.

        :raises OSError: the file cannot be read, or has become shorter.
        """
        if self.data is not None:
            for at in range(0, len(self.data), CHUNK):
                yield self.data[at : at + CHUNK]
            return
        assert self.path is not None
        left = self.size
        file = await asyncio.to_thread(self.path.open, "rb")
        try:
            while left:
                chunk = await asyncio.to_thread(file.read, min(CHUNK, left))
                if not chunk:
                    raise OSError(f"{self.path} has become shorter while it was sent.")
                left -= len(chunk)
                yield chunk
        finally:
            file.close()


async def content_of(source: bytes | Path | str | IO[bytes]) -> Content:
    """What there is to send.

    :param source: bytes, the path of a file, or an open file, which is read to its end.
    :raises OSError: it cannot be read.
    :raises Refused: an open file has more bytes than any image.
    """
    if isinstance(source, bytes):
        return Content(len(source), source[:HEAD], source)
    if isinstance(source, Path | str):
        return await asyncio.to_thread(_of_file, Path(source))
    return await asyncio.to_thread(content_of_open, source)


def _of_file(path: Path) -> Content:
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
        if len(data) <= LARGEST:
            return Content(len(data), data[:HEAD], data)
        return Content(path.stat().st_size, data[:HEAD], path=path)


def content_of_open(file: IO[bytes]) -> Content:
    """As `content_of`, of an open file; waits for it as long as it takes."""
    data = _read(file, LARGEST + 1)
    if len(data) > LARGEST:
        raise Refused(400, "too_large", f"An image may have at most {LARGEST:,} bytes.")
    return Content(len(data), data[:HEAD], data)


def _read(file: IO[bytes], most: int) -> bytes:
    """A pipe gives what it has, not what was asked for."""
    parts: list[bytes] = []
    while most > 0 and (part := file.read(most)):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def kind_of(head: bytes) -> str | None:
    """The media type that the first bytes are of, if it is one that the service takes."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return None


def kind_of_name(name: str | None) -> str | None:
    """The media type that a file name claims, if it is one that the service takes."""
    return KINDS.get(Path(name or "").suffix.lower())


def declared_kind(content: Content, name: str | None) -> str:
    """What to declare: what the bytes are, else what the name claims. The service judges, and says what is wrong."""
    if not content.size:
        return "image/jpeg"  # whatever is declared: what is wrong with nothing is not its type
    return kind_of(content.head) or kind_of_name(name) or mimetypes.guess_type(name or "")[0] or UNKNOWN


def sendable_name(name: str) -> str:
    """A file name as the service takes it: valid text without control characters, at most 255 bytes in UTF-8."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    clean = "".join("_" if unicodedata.category(one) in ("Cc", "Cs") else one for one in text)
    return clean.encode()[:NAME_BYTES].decode("utf-8", "ignore")


def tags_of(given: Iterable[str]) -> tuple[str, ...]:
    """Tags as the service understands them: each text one or several with commas between, in order, each once."""
    return tuple(dict.fromkeys(tag.strip() for text in given for tag in text.split(",") if tag.strip()))


def key_of(sha256: str, filename: str | None, title: str | None, tags: Iterable[str], *, direct: bool = False) -> str:
    """The idempotency key of an upload: the same for the same bytes under the same words, and for no others.

    The service tells uploads apart by just these, so that one of them changed is another image and not a conflict.
    """
    words = (sha256, filename or None, (title or "").strip() or None, tags_of(tags), direct)
    return f"sha256-{hashlib.sha256(repr(words).encode('utf-8', 'surrogateescape')).hexdigest()}"
