"""A direct upload that has arrived in S3 is checked as one that arrives over HTTP, and then staged like it.

Its client can post other bytes under the same id at any time until the form expires. So there is one way in: staging
what is not staged yet. Who staged it looks for a record after that, because what has a record is staged no more.
"""

import hashlib
import logging
from dataclasses import asdict, replace

from service import traces
from service.errors import Refused, ServiceError, TooManyRequests, Unavailable
from service.images import MAX_BYTES, Reason, Receipt, Record, Status
from service.intake.formats import media_type
from service.intake.receive import Inspection, too_large
from service.intake.structure import Limits
from service.storage import Storage
from service.storage.notifications import Arrival
from worker.processing import Done, Retry, reject

log = logging.getLogger(__name__)


async def admit(arrival: Arrival, storage: Storage, limits: Limits) -> Done | Retry:
    """Check and stage one direct upload; never raises for what is wrong with it or with AWS."""
    user_id, image_id = arrival.user_id, arrival.image_id
    try:
        with traces.span("fetch", kind="client"):
            found = await storage.objects.get_direct(user_id, image_id, MAX_BYTES)
        if found is None:
            return Done(None)  # an earlier delivery has done it
        done = await _admit(*found, storage, limits)
        await storage.objects.delete_direct(user_id, image_id)
    except ServiceError as error:
        return Retry(Reason(code=error.code, detail=error.detail), outage=True)
    return done


async def _admit(said: Receipt, content: bytes, storage: Storage, limits: Limits) -> Done:
    user_id, image_id = said.user_id, said.image_id
    if await _is_settled(user_id, image_id, storage):
        return await _too_late(said, storage)
    try:
        receipt = _inspected(said, content, limits)
        await storage.usage.reserve(receipt)
    except (Refused, TooManyRequests) as error:
        staged = await storage.objects.staged_receipt(user_id, image_id)
        if staged is None:
            log.info("refused as %s", error.code)
            traces.note("cloud_images.reason", error.code)
            digest = hashlib.sha256(content).hexdigest() if content else ""
            return await reject(replace(said, sha256=digest), storage, Reason(code=error.code, detail=error.detail))
    else:
        with traces.span("stage", kind="client"):
            made = await storage.objects.put_staged(receipt, [content], new=True)
        staged = receipt if made else await storage.objects.staged_receipt(user_id, image_id)
        if await _is_settled(user_id, image_id, storage):
            return await _too_late(said, storage)
    if staged is None:
        # S3 answers "conflict" also while another request for the key is under way, whatever becomes of that one.
        raise Unavailable("s3_unavailable", "S3 did not stage the upload, and has no other one.")
    # Also of bytes that were here first: their own delivery may not have come to sending the message.
    await storage.queue.send(staged.message)
    return Done(Status.QUEUED)


async def _too_late(said: Receipt, storage: Storage) -> Done:
    """What has a record needs no staged bytes any more, these or those of a delivery that broke off."""
    await storage.objects.delete_staged(said.user_id, said.image_id)
    return Done(None)


async def _is_settled(user_id: str, image_id: str, storage: Storage) -> bool:
    """Whether the image has its final status; `failed` is not final, as a dead letter may be brought back."""
    known = await storage.catalog.get(user_id, image_id)
    return known is not None and not (isinstance(known, Record) and known.status is Status.FAILED)


def _inspected(said: Receipt, content: bytes, limits: Limits) -> Receipt:
    """The receipt, with what the bytes say.

    :raises Refused: they are no sound image, or not of the type that was said.
    """
    if said.size > MAX_BYTES:
        raise too_large()
    inspection = Inspection(media_type(said.content_type), limits)
    inspection.feed(content)
    return replace(said, **asdict(inspection.finish()))
