"""What is said of each delivery: in the log, in its trace and by figures."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from service import logs, traces
from service.errors import ServiceError
from service.images import Reason, Receipt, Status, created_at
from service.settings import Settings
from service.storage.messages import Delivery
from service.storage.notifications import Arrival
from worker.figures import Figures
from worker.processing import Done

log = logging.getLogger(__name__)

Upload = Receipt | Arrival

STATUS = "cloud_images.status"


class Account:
    """Says what becomes of deliveries. Nothing here waits for anybody."""

    def __init__(self, settings: Settings, figures: Figures) -> None:
        self._figures = figures
        self._processing: traces.Attributes = {
            "messaging.system": "aws_sqs",
            "messaging.destination.name": settings.queue,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
        }

    @contextmanager
    def of(self, delivery: Delivery) -> Iterator[None]:
        """What is said within is about this delivery, in the trace of who has sent it."""
        with (
            traces.span("process message", self._processing, kind="consumer", parent=delivery.trace) as span,
            logs.about(**span.ids),
        ):
            span.note("cloud_images.delivery", delivery.count)
            yield

    @contextmanager
    def about(self, upload: Upload) -> Iterator[None]:
        """What is said within is about this one of the delivery's uploads."""
        with logs.about(user_id=upload.user_id, image_id=upload.image_id):
            traces.note(traces.IMAGE_ID, upload.image_id)
            yield

    def unreadable(self, delivery: Delivery, why: Exception) -> None:
        """Its message says nothing that can be worked on."""
        log.warning("delivery %d of a message did not work: %s", delivery.count, why)
        self._retried("undecodable_message")

    def did_not_work(self, delivery: Delivery, reason: Reason) -> None:
        """The upload has no status yet, for this reason."""
        log.warning("delivery %d did not work: %s", delivery.count, reason.detail)
        self._retried(reason.code)

    def away(self, reason: Reason) -> None:
        """The upload waits for a part of AWS."""
        self._figures.away(reason.code)

    def done(self, upload: Upload, done: Done) -> None:
        """The upload has its status, or had it before."""
        log.info("%s", done.status or "nothing left to do")
        traces.note(STATUS, done.status or "nothing left to do")
        if not done.first or done.status is None:
            self._figures.finished(None)
            return
        self._figures.finished(done.status, done.code, upload.size if isinstance(upload, Receipt) else 0)
        if done.status is Status.READY:
            self._figures.ready((datetime.now(UTC) - created_at(upload.image_id)).total_seconds())

    def failed(self, reason: Reason) -> None:
        """After the last delivery the upload's record says so."""
        traces.note(STATUS, Status.FAILED)
        self._figures.finished(Status.FAILED, reason.code)

    def untold(self, error: ServiceError) -> None:
        """The upload has its status, which is not told for now."""
        self._figures.retried(error.code)

    def never_told(self, upload: Upload) -> None:
        """Nor was it in the last delivery."""
        log.error("nobody is told of the status of image %s until its dead letter is redriven", upload.image_id)

    def _retried(self, code: str) -> None:
        traces.fail(code)
        self._figures.retried(code)
