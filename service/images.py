"""The nouns that every floor shares: receipt, record, message, statuses and ids."""

import json
import os
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

MAX_BYTES = 5 * 1024 * 1024
MESSAGE_VERSION = 1
MESSAGE_CHARACTERS = 8192
"""More than any receipt has: it fits into the 2 KB of an object's metadata."""
# What can be part of a key in S3 as it is, and cannot be taken for a partition of another kind in the table.
USER_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._@+=:|-]{0,127}")
SHA256 = re.compile(r"([0-9a-f]{64})?")
EPOCH, MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
LAST_MILLISECOND = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MILLISECOND
"""The 48 bits of a UUIDv7 reach 900 years beyond the last time that can be shown."""

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
}


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Status(StrEnum):
    """Where an image stands; `queued` is the only one that changes by itself."""

    QUEUED = "queued"
    READY = "ready"
    REJECTED = "rejected"
    FAILED = "failed"
    DELETED = "deleted"


class UndecodableMessage(Exception):
    """A message that this version of the worker cannot read; its text says why."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Everything known of an upload; once accepted, it travels to the worker as the message.

    `width` and `height` are pixels as encoded (before EXIF orientation), `sha256` is of the bytes, in hex. They are
    empty or 0 while nobody has looked at the bytes, as of a direct upload.
    """

    user_id: str
    image_id: str
    content_type: str
    size: int
    sha256: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    filename: str | None = None
    title: str | None = None
    tags: tuple[str, ...] = ()

    @cached_property
    def message(self) -> str:
        """The message's text: compact JSON, at most about 2 KB, of characters that SQS takes."""
        # Not `asdict`, which copies every value and takes four times as long; each upload comes by here.
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        text = _compact({"v": MESSAGE_VERSION, **values})
        # SQS refuses these two of all that JSON leaves as it is: nobody could ever send the message.
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
        return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")

    @classmethod
    def from_message(cls, text: str) -> "Receipt":
        """The receipt in a message.

        :raises UndecodableMessage: not a message of this version.
        """
        if len(text) > MESSAGE_CHARACTERS:
            raise UndecodableMessage(f"the message has {len(text)} characters, more than any of ours")
        try:
            values = json.loads(text)
            version = values.pop("v")
            if type(version) is not int or version != MESSAGE_VERSION:
                raise UndecodableMessage(f"the message is of version {version!r:.20}, not of {MESSAGE_VERSION}")
            receipt = cls(**values)
            wrong = [name for name, is_right in _IS_RIGHT.items() if not is_right(getattr(receipt, name))]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UndecodableMessage(f"the message is not one of ours: {error!r:.100}") from None
        if wrong:
            raise UndecodableMessage(f"the message has no sense in its {', '.join(wrong)}")
        return replace(receipt, tags=tuple(receipt.tags))


def _at_most(limit: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and 0 <= value <= limit


def _is_text(value: Any) -> bool:
    # JSON can say halves of characters, which nothing that keeps texts takes.
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


# Whoever can write to the queue is trusted with images, but a message must not reach any other key or break the worker.
# The numbers are the most that settings allow.
_IS_RIGHT: dict[str, Callable[[Any], bool]] = {
    "user_id": lambda value: isinstance(value, str) and USER_ID.fullmatch(value) is not None,
    "image_id": lambda value: is_image_id(value),
    "content_type": lambda value: isinstance(value, str) and value in EXTENSIONS,
    "size": _at_most(MAX_BYTES),
    "sha256": lambda value: isinstance(value, str) and SHA256.fullmatch(value) is not None,
    "width": _at_most(65_535),
    "height": _at_most(65_535),
    "frames": _at_most(100_000),
    "filename": lambda value: value is None or _is_text(value),
    "title": lambda value: value is None or _is_text(value),
    "tags": lambda value: isinstance(value, list) and all(map(_is_text, value)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A smaller picture derived from an image; pixels and bytes."""

    width: int
    height: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an image was rejected or failed."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An image in the catalog: its receipt and what became of it. `placeholder` is a ThumbHash in base64."""

    receipt: Receipt
    status: Status
    updated_at: datetime
    version: int = 1
    placeholder: str | None = None
    variants: dict[str, Variant] = field(default_factory=dict)
    reason: Reason | None = None

    def edited(self, title: str | None, tags: tuple[str, ...]) -> "Record":
        """The next version of this record, with another title and other tags."""
        receipt = replace(self.receipt, title=title, tags=tags)
        return replace(self, receipt=receipt, updated_at=datetime.now(UTC), version=self.version + 1)


def new_image_id() -> str:
    """A UUIDv7 (RFC 9562, section 5.7): its first 48 bits are the time in ms, so ids sort by creation."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_image_id(text: Any) -> bool:
    """Whether `text` is a UUIDv7 in its canonical form, and of a time before the year 10000, as all image ids are."""
    if not isinstance(text, str) or len(text) != 36:
        return False
    try:
        value = uuid.UUID(text)
    except ValueError:
        return False
    return value.version == 7 and str(value) == text and value.int >> 80 <= LAST_MILLISECOND


def created_at(image_id: str) -> datetime:
    """The time of acceptance that an image id carries."""
    return EPOCH + int(image_id[:8] + image_id[9:13], 16) * MILLISECOND


def first_id_at(moment: datetime) -> str:
    """The lowest id that an image created then or later can have; finer times than milliseconds count up."""
    milliseconds = max(0, min(-((EPOCH - moment) // MILLISECOND), LAST_MILLISECOND))
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62))


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T12:00:00.000Z` (RFC 3339, UTC, milliseconds)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
