"""A deployment of its own, what crashes leave in it, and sweeps."""

import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from service.images import Reason, Receipt, Record, Status, new_image_id
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.aws import clients
from service.storage.objects import ORIGINAL, VARIANT_TYPE, VARIANTS, direct_key
from service.storage.provision import provision
from tests.backstage import Backstage, backstage_of, drain
from tests.conftest import settings_at
from tests.pictures import TINY
from worker.decoder import Decoders
from worker.sweep.report import Kind, Report
from worker.sweep.stages import sweep_once

DATA = TINY["image/jpeg"].data
LONG = 3600
"""Longer than any test lasts."""


@dataclass(frozen=True)
class Yard:
    """What is there, and ways to make a mess of it."""

    settings: Settings
    storage: Storage
    decoders: Decoders
    backstage: Backstage

    async def sweep(self, after_seconds: float = 0, **more: Any) -> Report:
        """Sweep once."""
        return await sweep_once(self.storage, after_seconds, **more)

    async def drain(self) -> None:
        """Let a worker do all that there is."""
        await drain(self.settings, self.storage, self.decoders)

    async def staged(self, user: str | None = None) -> Receipt:
        """Staged bytes whose message nobody sent."""
        receipt = receipt_of(user or f"user-{uuid.uuid4().hex[:12]}")
        await self.storage.objects.put_staged(receipt, [DATA])
        return receipt

    async def direct(self) -> Receipt:
        """A direct upload of which S3's word was lost."""
        receipt = receipt_of(f"user-{uuid.uuid4().hex[:12]}")
        await self.put(direct_key(receipt.user_id, receipt.image_id), ContentType="image/jpeg")
        await self.purge()
        return receipt

    async def ready(self, user: str | None = None) -> Receipt:
        """An image, whole."""
        receipt = await self.staged(user)
        await self.storage.queue.send(receipt.message)
        await self.drain()
        assert await self.status(receipt) == "ready"
        return receipt

    async def stored(self, receipt: Receipt | None = None) -> Receipt:
        """The objects of an image, without a record."""
        receipt = receipt or receipt_of(f"user-{uuid.uuid4().hex[:12]}")
        for name in (ORIGINAL, *VARIANTS):
            content_type = receipt.content_type if name == ORIGINAL else VARIANT_TYPE
            await self.storage.objects.put_image(receipt, name, content_type, DATA)
        return receipt

    async def settled(self, receipt: Receipt, status: Status) -> None:
        """Let an upload have ended so."""
        if status is Status.DELETED:
            await self.storage.catalog.delete(receipt.user_id, receipt.image_id)
            return
        reason = None if status is Status.READY else Reason(code="internal_error", detail="A test wants it so.")
        await self.storage.catalog.settle(
            Record(receipt=receipt, status=status, updated_at=datetime.now(UTC), reason=reason)
        )

    async def put(self, key: str, **more: Any) -> None:
        """Put an object past the service."""
        await self.backstage.s3.put_object(Bucket=self.settings.bucket, Key=key, Body=DATA, **more)

    async def remove(self, *keys: str) -> None:
        """Remove objects past the service."""
        for key in keys:
            await self.backstage.s3.delete_object(Bucket=self.settings.bucket, Key=key)

    async def forget(self, receipt: Receipt) -> None:
        """Lose a record."""
        async with clients(self.settings, "dynamodb") as (dynamodb,):
            key = {"user_id": {"S": receipt.user_id}, "image_id": {"S": receipt.image_id}}
            await dynamodb.delete_item(TableName=self.settings.table, Key=key)

    async def purge(self) -> None:
        """Lose all messages."""
        url = await self.storage.queue.url()
        await self.backstage.sqs.purge_queue(QueueUrl=url)

    async def record(self, receipt: Receipt) -> Any:
        """What the catalog knows."""
        return await self.storage.catalog.get(receipt.user_id, receipt.image_id)

    async def status(self, receipt: Receipt) -> str | None:
        """The status of the record, if there is one."""
        known = await self.record(receipt)
        return str(known.status) if isinstance(known, Record) else "deleted" if known else None

    async def keys(self) -> set[str]:
        """All that is in the bucket."""
        listed = await self.backstage.s3.list_objects_v2(Bucket=self.settings.bucket)
        return {one["Key"] for one in listed.get("Contents", ())}

    async def is_right(self) -> None:
        """Check that a sweep finds nothing at all, and that nothing waits."""
        report = await self.sweep()
        assert (report.found, report.left, report.waiting, report.broken_off) == ({}, [], 0, None)
        assert await self.backstage.messages() == 0
        assert not [key for key in await self.keys() if not key.startswith("images/")]


def receipt_of(user: str, data: bytes = DATA) -> Receipt:
    """The receipt of an upload of these bytes, made at this moment."""
    facts = {"content_type": "image/jpeg", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return Receipt(user_id=user, image_id=new_image_id(), width=8, height=8, frames=1, **facts)  # type: ignore[arg-type]


def key_of(receipt: Receipt, folder: str, name: str = "") -> str:
    """Where something of an upload lies."""
    return "/".join(filter(None, (folder, receipt.user_id, receipt.image_id, name)))


def found(report: Report) -> dict[str, tuple[int, int]]:
    """What was found and what repaired, by kind."""
    return {str(kind): (count, report.repaired[kind]) for kind, count in report.found.items()}


def only(kind: Kind, count: int = 1, repaired: int | None = None) -> dict[str, tuple[int, int]]:
    """Of one kind, nothing else."""
    return {str(kind): (count, count if repaired is None else repaired)}


@asynccontextmanager
async def yard_at(endpoint: str, decoders: Decoders, **more: Any) -> AsyncIterator[Yard]:
    """A deployment that nobody else uses, with an empty queue."""
    settings = settings_at(endpoint, **more)
    await provision(settings)
    async with backstage_of(settings) as backstage, open_storage(settings) as storage:
        yard = Yard(settings, storage, decoders, backstage)
        await yard.purge()
        yield yard


def with_storage(yard: Yard, **parts: Any) -> Yard:
    """The same with other parts of storage."""
    return replace(yard, storage=replace(yard.storage, **parts))
