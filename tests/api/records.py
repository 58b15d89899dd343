"""Records straight into the catalog, for tests that need many, or need one of a certain time or status."""

import asyncio
import os
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from service.images import Reason, Receipt, Record, Status, Variant
from service.storage import Storage

FIELDS = {
    *("image_id", "status", "content_type", "size", "sha256", "width", "height", "frames", "filename", "title", "tags"),
    *("created_at", "updated_at", "version", "placeholder", "variants", "reason", "links"),
    "direct_upload_from",
}
"""What the API tells of an image, in receipt and record alike."""
AT_ONCE = 8
"""As a worker does: each writes its user's total as well."""
EMPTY: dict[str, Any] = {"images": [], "next_cursor": None, "direct_upload_from": None}
"""A page of nothing."""


def id_at(milliseconds: int, rest: int | None = None) -> str:
    """An image id of that millisecond since 1970; `rest` is what else is in it, random if not given."""
    rest = int.from_bytes(os.urandom(10)) if rest is None else rest
    low, high = rest & ((1 << 62) - 1), rest >> 62 & 0xFFF
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0x2 << 62 | low))


def now_id() -> str:
    """An image id of this moment."""
    return id_at(time.time_ns() // 1_000_000)


def record(
    user_id: str, image_id: str | None = None, *, status: Status = Status.READY, version: int = 1, **receipt: Any
) -> Record:
    """A record such as the worker writes; `receipt` are fields of its receipt."""
    values: dict[str, Any] = {"content_type": "image/jpeg", "size": 1000, "sha256": "0" * 64}
    values |= {"width": 40, "height": 30, "frames": 1, **receipt}
    return Record(
        receipt=Receipt(user_id=user_id, image_id=image_id or now_id(), **values),
        status=status,
        updated_at=datetime.now(UTC),
        version=version,
        placeholder="1QcSHQRnh493V4dIh4eXh1h4kJUI" if status is Status.READY else None,
        variants={"thumb": Variant(width=40, height=30, size=500)} if status is Status.READY else {},
        reason=None if status is Status.READY else Reason(code="not_decodable", detail="It is broken."),
    )


async def settle(storage: Storage, *records: Record) -> list[str]:
    """Put records into the catalog; returns their ids."""
    for at in range(0, len(records), AT_ONCE):
        before = await asyncio.gather(*map(storage.catalog.settle, records[at : at + AT_ONCE]))
        assert not any(before), "a record was there already"
    return [one.receipt.image_id for one in records]
