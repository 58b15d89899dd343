"""Repairs what waits for the worker and is not on its way to it: `incoming/` and `direct/`.

The worker and the owner may act on the same upload at any moment. What they do in which order makes each repair safe:

- A message too many does no harm: processing twice ends as once, and finds no bytes after an end.
- An end is first written as record, then the bytes go. So bytes beside a record that is final are nobody's, for ever:
  what has such a record is staged no more, or once more only from the original (see `records.py`).
- A `failed` record is no end: its bytes stay for `redrive`.
"""

import time
from collections.abc import Awaitable, Callable

from service.images import Reason, Receipt, Record, Status
from service.storage.catalog import Deleted
from service.storage.listing import Listed
from service.storage.notifications import Arrival, arrival_message
from service.storage.survey import Image
from worker.processing import fail
from worker.sweep.report import Kind
from worker.sweep.sweep import Sweep
from worker.telling import pay

MOST_RESENDS = 5
"""Each is good for `MAX_DELIVERIES`. An upload that gets through none of them kills its worker."""


class Waiting:
    """Looks at objects of these two folders."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._storage = sweep.storage

    async def staged(self, listed: Listed) -> None:
        """Something under `incoming/`."""
        image = self._image_of(listed)
        if image is None:
            return
        known = await self._storage.catalog.get(*image)
        if known is None:
            await self._staged_without_record(image, listed)
        elif _is_over(known) or (_is_ready(known) and await self._storage.objects.has_original(*image)):
            # A ready one without original has here the last copy of its bytes.
            await self._sweep.repair(
                Kind.STAGED_OF_SETTLED, listed.key, lambda: self._storage.objects.delete_staged(*image)
            )

    async def direct(self, listed: Listed) -> None:
        """Something under `direct/`."""
        image = self._image_of(listed)
        if image is None:
            return
        known = await self._storage.catalog.get(*image)
        if known is None:
            message = arrival_message(Arrival(*image))
            await self.send_again(Kind.DIRECT_WITHOUT_RECORD, image, listed.key, message)
        elif _is_over(known) or _is_ready(known):
            await self._sweep.repair(
                Kind.DIRECT_OF_SETTLED, listed.key, lambda: self._storage.objects.delete_direct(*image)
            )

    async def send_again(
        self,
        kind: Kind,
        image: Image,
        key: str,
        message: str,
        before: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Send a message once more, unless one was sent not long ago; after several vain ones give the upload up.

        It may still be in the queue, behind many others; so nobody hurries.
        """
        user_id, _ = image
        resent = await self._storage.resends.get(user_id, key)
        if time.time() - resent.at < self._sweep.after_seconds:
            self._sweep.report.waiting += 1
            return
        if resent.times >= MOST_RESENDS:
            # Time has passed since the last message, or else the queue must say that nobody has left it there.
            if self._sweep.after_seconds or await self._storage.queue.is_empty():
                await self._give_up(image, key)
            else:
                self._sweep.report.waiting += 1
            return

        async def send() -> None:
            if before:
                await before()
            # The note comes after: a sweep that ends in between sends once more, instead of never.
            await self._storage.queue.send(message)
            await self._storage.resends.note(user_id, key, resent.times + 1)

        await self._sweep.repair(kind, key, send)

    async def _staged_without_record(self, image: Image, listed: Listed) -> None:
        receipt = await self._storage.objects.staged_receipt(*image)
        if receipt and (receipt.user_id, receipt.image_id) == image:
            await self.send_again(Kind.STAGED_WITHOUT_RECORD, image, listed.key, receipt.message)
        elif await self._storage.objects.is_staged(*image):
            self._sweep.report.leave(Kind.STAGED_UNREADABLE, listed.key)

    async def _give_up(self, image: Image, key: str) -> None:
        receipt = await self._storage.objects.queued_receipt(*image)
        known = await self._storage.catalog.get(*image)
        if receipt is None or known is not None:
            self._sweep.report.leave(Kind.NEVER_PROCESSED, key)
            return
        await self._sweep.repair(Kind.NEVER_PROCESSED, key, lambda: self._write_failure(receipt))

    async def _write_failure(self, receipt: Receipt) -> None:
        detail = f"Its message was sent again {MOST_RESENDS} times, and no worker came to an end with it."
        image = receipt.user_id, receipt.image_id
        await self._storage.debts.note(*image)
        await fail(receipt, self._storage, Reason(code="never_processed", detail=detail))
        await pay(self._storage, *image)

    def _image_of(self, listed: Listed) -> Image | None:
        """The image, if it is one; only what is old enough comes here."""
        if listed.image and not listed.name and listed.key.count("/") == 2:
            return listed.image
        self._sweep.report.leave(Kind.UNKNOWN_KEY, listed.key)
        return None


def _is_over(known: Record | Deleted) -> bool:
    return isinstance(known, Deleted) or known.status is Status.REJECTED


def _is_ready(known: Record | Deleted) -> bool:
    return isinstance(known, Record) and known.status is Status.READY
