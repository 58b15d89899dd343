"""One delivery of a message, taken to its end: the same for a worker process and for a Lambda function."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

from service import logs, traces
from service.errors import ServiceError
from service.images import Reason, Receipt, Status, UndecodableMessage, created_at
from service.intake.structure import Limits
from service.settings import Settings
from service.storage import Storage
from service.storage.notifications import Arrival, arrivals
from service.storage.queue import Delivery
from worker.admission import admit
from worker.decoder import Decoders
from worker.figures import NOBODY, Figures
from worker.processing import Done, Retry, fail, process
from worker.telling import tell

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 900
FIRST_TELL_SECONDS, TELL_FACTOR = 30, 4
"""When an image has its status and SNS could not be told: 30 s, 2, 8 and 15 minutes, in which nothing waits for it."""
OUTAGE_SECONDS = 600.0
"""How long an upload is held and tried again while AWS does not answer, so that an outage makes no dead letters."""

Upload = Receipt | Arrival


class Deliveries:
    """Handles deliveries. When `stop` is set, none is held back any more to wait for AWS.

    What AWS's absence then kept from being done comes again after `outage_seconds`.
    """

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        decoders: Decoders,
        stop: asyncio.Event,
        *,
        outage_seconds: int = 0,
        figures: Figures = NOBODY,
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._decoders = decoders
        self._stop = stop
        self._outage_seconds = outage_seconds
        self._figures = figures
        self._limits = Limits(settings.max_pixels, settings.max_side, settings.max_frames)
        self._processing: traces.Attributes = {
            "messaging.system": "aws_sqs",
            "messaging.destination.name": settings.queue,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
        }
        self._most: int | None = None
        self.met_outage = False
        """Whether AWS has been away at any of them."""

    async def handle(self, delivery: Delivery) -> int | None:
        """Process one delivery; None when its message can be deleted, else after how many seconds it shall come again.

        :raises Unavailable: it shall come again, but there is nobody to say so to.
        """
        with (
            traces.span("process message", self._processing, kind="consumer", parent=delivery.trace) as span,
            logs.about(**span.ids),
        ):
            span.note("cloud_images.delivery", delivery.count)
            return await self._handle(delivery)

    async def _handle(self, delivery: Delivery) -> int | None:
        try:
            uploads = uploads_in(delivery.body)
        except UndecodableMessage as error:
            log.warning("delivery %d of a message did not work: %s", delivery.count, error)
            traces.fail("undecodable_message")
            self._figures.retried("undecodable_message")
            return await self._seconds_before_next(delivery)
        retries: dict[Upload, Retry] = {}
        untold: list[Upload] = []
        for upload in uploads:
            with logs.about(user_id=upload.user_id, image_id=upload.image_id):
                traces.note(traces.IMAGE_ID, upload.image_id)
                outcome = await self._process(upload)
                if isinstance(outcome, Retry):
                    log.warning("delivery %d did not work: %s", delivery.count, outcome.reason.detail)
                    traces.fail(outcome.reason.code)
                    self._figures.retried(outcome.reason.code)
                    retries[upload] = outcome
                else:
                    self._count(upload, outcome)
                    log.info("%s", outcome.status or "nothing left to do")
                    traces.note("cloud_images.status", outcome.status or "nothing left to do")
                    if outcome.status is not Status.QUEUED and not await self._tell(upload):
                        self._figures.retried("sns_unavailable")
                        untold.append(upload)
        if not retries and not untold:
            return None
        if delivery.count >= (await self._most_deliveries() or self._settings.max_deliveries):
            for upload, retry in retries.items():
                if not await self._fail(upload, retry.reason):
                    untold.append(upload)
                self._figures.finished(Status.FAILED, retry.reason.code)
                traces.note("cloud_images.status", Status.FAILED)
            for upload in untold:
                log.error("nobody is told of the status of image %s: SNS has never taken it", upload.image_id)
        elif retries and self._stop.is_set() and all(retry.outage for retry in retries.values()):
            return self._outage_seconds
        elif not retries:
            return int(min(FIRST_TELL_SECONDS * TELL_FACTOR ** (delivery.count - 1), LONGEST_RETRY_SECONDS))
        return await self._seconds_before_next(delivery) if retries else None

    def _count(self, upload: Upload, done: Done) -> None:
        if not done.first or done.status is None:
            self._figures.finished(None)
            return
        self._figures.finished(done.status, done.code, upload.size if isinstance(upload, Receipt) else 0)
        if done.status is Status.READY:
            self._figures.ready((datetime.now(UTC) - created_at(upload.image_id)).total_seconds())

    async def _process(self, upload: Upload) -> Done | Retry:
        """The outcome of one upload, which is held and tried again while AWS does not answer."""
        while_away = self._while_away()
        while True:
            try:
                if isinstance(upload, Arrival):
                    outcome = await admit(upload, self._storage, self._limits)
                else:
                    outcome = await process(upload, self._storage, self._decoders)
            except Exception:
                log.exception("processing failed in a way that nobody foresaw")
                return Retry(Reason(code="internal_error", detail="The worker failed at this image."))
            if isinstance(outcome, Done) or not outcome.outage:
                return outcome
            self.met_outage = True
            self._figures.away(outcome.reason.code)
            if not await anext(while_away, False):
                return outcome

    async def _tell(self, upload: Upload) -> bool:
        """Tell of the upload's final status, if it has one; false when AWS does not take that now."""
        try:
            await tell(self._storage, upload.user_id, upload.image_id)
        except ServiceError:
            return False
        except Exception:
            log.exception("telling of image %s failed in a way that nobody foresaw", upload.image_id)
            return False
        return True

    async def _fail(self, upload: Upload, reason: Reason) -> bool:
        """Write the record of a failure, and tell of it; false when that is not told.

        Nobody writes it later, so this holds the message while AWS is away.
        """
        while_away = self._while_away()
        while True:
            try:
                await self._write_failure(upload, reason)
                return await self._tell(upload)
            except ServiceError:
                if not await anext(while_away, False):
                    raise

    async def _write_failure(self, upload: Upload, reason: Reason) -> None:
        receipt: Receipt | None = upload if isinstance(upload, Receipt) else None
        if isinstance(upload, Arrival):
            receipt = await self._storage.objects.queued_receipt(upload.user_id, upload.image_id)
        if receipt:
            await fail(receipt, self._storage, reason)

    async def _while_away(self) -> AsyncIterator[bool]:
        """Pauses, ever longer ones, until AWS has been away for too long or the worker shall stop."""
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + OUTAGE_SECONDS, PAUSE_SECONDS
        while not self._stop.is_set() and loop.time() < end:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            yield True
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _seconds_before_next(self, delivery: Delivery) -> int:
        # None after the last one: only when it would come again does SQS move a message to the dead letters.
        most = await self._most_deliveries()
        if most and delivery.count >= most:
            return 0
        return int(min(self._settings.retry_seconds * 2 ** (delivery.count - 1), LONGEST_RETRY_SECONDS))

    async def _most_deliveries(self) -> int:
        """After how many deliveries SQS makes a message a dead letter; 0 when it never does. Asked for once."""
        if self._most is None:
            self._most = await self._storage.queue.max_deliveries() or 0
            if not self._most:
                log.warning("the queue has no redrive policy: what fails comes again for ever; see `provision`")
        return self._most


def uploads_in(body: str) -> list[Upload]:
    """The uploads that a message is about: one that was accepted, or direct ones that have arrived.

    :raises UndecodableMessage: it is no such message.
    """
    arrived = arrivals(body)
    return [Receipt.from_message(body)] if arrived is None else list(arrived)
