"""One accepted upload becomes an image, or a record that says why not. Every step may happen twice without harm."""

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from service import traces
from service.errors import ServiceError
from service.images import Reason, Receipt, Record, Status, Variant
from service.storage import Storage
from service.storage.catalog import Deleted
from service.storage.objects import ORIGINAL, VARIANT_TYPE
from worker.decoder import DecoderDied, Decoders, DecoderUnavailable
from worker.verdict import NotSound, Sound

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Done:
    """The upload has its final status; its message can go. `status` is None when there was nothing left to do.

    `code` is that of the reason for the status, if there is one. `first` says that no earlier delivery had written it.
    """

    status: Status | None
    code: str = ""
    first: bool = True


@dataclass(frozen=True, slots=True)
class Retry:
    """It did not work this time; `reason` becomes the record's if no further try follows.

    `outage` tells that AWS did not answer or no decoder could be started, which says nothing about this upload.
    """

    reason: Reason
    outage: bool = False


async def process(receipt: Receipt, storage: Storage, decoders: Decoders) -> Done | Retry:
    """Take one upload all the way; never raises for what is wrong with the upload or with AWS."""
    try:
        with traces.span("fetch", kind="client"):
            content = await storage.objects.get_staged(receipt)
        if content is None:
            return await _nothing_staged(receipt, storage)
        if len(content) != receipt.size or hashlib.sha256(content).hexdigest() != receipt.sha256:
            return Retry(Reason(code="staged_bytes_differ", detail="The staged bytes are not the ones accepted."))
        decoded = await decoders.decode(content, receipt.content_type, receipt.width * receipt.height)
        if isinstance(decoded, NotSound):
            traces.note("cloud_images.reason", decoded.code)
            return await reject(receipt, storage, Reason(code=decoded.code, detail=decoded.detail))
        return await _store(receipt, storage, content, decoded)
    except DecoderDied as error:
        return Retry(Reason(code=error.code, detail=error.detail))
    except DecoderUnavailable as error:
        # The record's reader need not know what is wrong with this machine.
        log.error("%s", error)
        return Retry(Reason(code="internal_error", detail="The worker could not look at this image."), outage=True)
    except ServiceError as error:
        return Retry(Reason(code=error.code, detail=error.detail), outage=True)


async def fail(receipt: Receipt, storage: Storage, reason: Reason) -> None:
    """Let the record say that the upload could not be processed; its staged bytes stay for `redrive`.

    :raises Unavailable: the catalog does not answer.
    """
    await storage.catalog.settle(_record(receipt, Status.FAILED, reason=reason))


async def _nothing_staged(receipt: Receipt, storage: Storage) -> Done:
    """Processed by an earlier delivery, deleted by its owner, never acknowledged, or a dead letter that is too old."""
    known = await storage.catalog.get(receipt.user_id, receipt.image_id)
    if isinstance(known, Deleted):
        # The earlier one may have stored bytes after they had been deleted, and not got to removing them.
        await storage.objects.delete_image(receipt.user_id, receipt.image_id)
    elif known and known.status is Status.FAILED:
        # Staged bytes go only after the record has another status than this one, or by their lifecycle rule.
        reason = Reason(code="bytes_missing", detail="The bytes of the upload are gone.")
        await fail(receipt, storage, reason)
        return Done(Status.FAILED, reason.code, first=False)
    return Done(None)


async def _store(receipt: Receipt, storage: Storage, content: bytes, sound: Sound) -> Done:
    objects = storage.objects
    with traces.span("store", kind="client"):
        await asyncio.gather(
            objects.put_image(receipt, ORIGINAL, receipt.content_type, content),
            *(objects.put_image(receipt, name, VARIANT_TYPE, data) for name, (*_, data) in sound.variants.items()),
        )
    variants = {
        name: Variant(width=width, height=height, size=len(data))
        for name, (width, height, data) in sound.variants.items()
    }
    record = _record(receipt, Status.READY, placeholder=sound.placeholder, variants=variants)
    return await _settle(record, storage)


async def reject(receipt: Receipt, storage: Storage, reason: Reason) -> Done:
    """Let the record say that the upload is no sound image, and remove its bytes, unless it has a record already.

    :raises Unavailable: a part of AWS does not answer.
    """
    return await _settle(_record(receipt, Status.REJECTED, reason=reason), storage)


async def _settle(record: Record, storage: Storage) -> Done:
    """Write the record and remove what is not needed any more: bytes of nothing that is `ready` stay."""
    receipt = record.receipt
    with traces.span("record", kind="client"):
        earlier = await storage.catalog.settle(record)
    settled = earlier or record
    if isinstance(settled, Deleted) or settled.status is not Status.READY:
        await storage.objects.delete_image(receipt.user_id, receipt.image_id)
    else:
        await storage.objects.delete_staged(receipt.user_id, receipt.image_id)
    if isinstance(settled, Deleted):
        return Done(Status.DELETED)
    return Done(settled.status, settled.reason.code if settled.reason else "", first=earlier is None)


def _record(
    receipt: Receipt,
    status: Status,
    *,
    placeholder: str | None = None,
    variants: dict[str, Variant] | None = None,
    reason: Reason | None = None,
) -> Record:
    return Record(
        receipt=receipt,
        status=status,
        updated_at=datetime.now(UTC),
        placeholder=placeholder,
        variants=variants or {},
        reason=reason,
    )
