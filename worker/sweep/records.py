"""Repairs records that tell of missing objects."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from service.images import Reason, Record, Status, created_at
from service.storage.objects import ORIGINAL, image_key, staged_key
from service.storage.survey import Entry, Image
from worker.sweep.report import Kind
from worker.sweep.sweep import Sweep
from worker.sweep.waiting import Waiting
from worker.telling import pay

BYTES_MISSING = "bytes_missing"


class Records:
    """Looks at pages of records."""

    def __init__(self, sweep: Sweep, waiting: Waiting) -> None:
        self._sweep = sweep
        self._storage = sweep.storage
        self._waiting = waiting
        # Ready records with and without original.
        self._sound, self._lost = 0, 0

    async def look(self, page: Sequence[Entry]) -> None:
        """Records, those of a user together and in the order of their ids."""
        self._sweep.report.looked_at["records"] += len(page)
        youngest = datetime.now(UTC) - timedelta(seconds=self._sweep.after_seconds)
        old = [entry for entry in page if created_at(entry.image[1]) <= youngest]
        wanted = [entry for entry in old if entry.status is Status.READY or entry.reason == BYTES_MISSING]
        broken: list[Entry] = []

        async def look(entries: list[Entry]) -> None:
            there = await self._there([entry.image for entry in entries])
            for entry in entries:
                names, ready = there[entry.image], entry.status is Status.READY
                self._sound += ready and ORIGINAL in names
                self._lost += ready and ORIGINAL not in names
                if ready is not (names >= {ORIGINAL, *entry.variants} if ready else ORIGINAL in names):
                    broken.append(entry)

        await self._sweep.each([list(run) for _, run in groupby(wanted, lambda entry: entry.image[0])], look)
        await self._sweep.each([entry.image for entry in broken], self._broken_record)

    async def _there(self, images: list[Image]) -> dict[Image, set[str]]:
        """Which objects there are of these images of one user, listed as a span, which costs less than one by one."""
        found: dict[Image, set[str]] = {image: set() for image in images}
        prefix, after = image_key(images[0][0], "", "")[:-1], image_key(*images[0], "")
        end = image_key(*images[-1], "~")
        while after and after < end:
            page = await self._storage.listing.page(prefix, after)
            for listed in page.objects:
                if listed.image in found:
                    found[listed.image].add(listed.name)
            after = page.last or ""
        return found

    async def _broken_record(self, image: Image) -> None:
        """A record that did not fit its objects when both were listed: all are looked at again, in this order.

        A worker that makes an image once more stores the original before it removes the staged bytes. So an original
        that is not there after these were gone is lost. The record comes last: an owner who deletes begins with that.
        """
        staged = await self._storage.objects.is_staged(*image)
        whole = await self._storage.objects.has_original(*image)
        record = await self._storage.catalog.get(*image)
        if not isinstance(record, Record):
            return
        if record.status is Status.READY and not whole:
            await self._without_original(record, staged)
        elif record.status is Status.READY:
            await self._stage_again(record, Kind.RECORD_WITHOUT_VARIANTS)
        elif record.reason and record.reason.code == BYTES_MISSING and whole:
            await self._stage_again(record, Kind.ORIGINAL_IS_BACK)

    async def _without_original(self, record: Record, staged: bool) -> None:
        image, kind = _image(record), Kind.RECORD_WITHOUT_ORIGINAL
        if staged:
            await self._waiting.send_again(kind, image, staged_key(*image), record.receipt.message)
        elif self._lost > self._sound and not self._sweep.force:
            self._sweep.leave_in_doubt(kind, image, "bucket")
        else:
            reason = Reason(code="bytes_missing", detail="The image's bytes are not in the bucket any more.")
            failed = replace(
                record, status=Status.FAILED, reason=reason, updated_at=datetime.now(UTC), version=record.version + 1
            )

            async def write() -> None:
                # An owner who edits or deletes it meanwhile goes first.
                await self._storage.debts.note(*image)
                if await self._storage.catalog.replace(failed, record.version):
                    await pay(self._storage, *image)

            await self._sweep.repair(kind, image_key(*image, ""), write)

    async def _stage_again(self, record: Record, kind: Kind) -> None:
        """Let the worker make all of an image once more from its original.

        If its owner deletes it meanwhile, the worker finds that out, and removes what was staged.
        """
        image, receipt = _image(record), record.receipt
        content = await self._storage.objects.get_original(*image)
        if content is None:
            return  # deleted just now
        if hashlib.sha256(content).hexdigest() != receipt.sha256:
            self._sweep.report.leave(kind, f"{image_key(*image, ORIGINAL)}: not the bytes that its record tells of")
            return

        async def stage() -> None:
            await self._storage.objects.put_staged(receipt, [content], new=True)

        await self._waiting.send_again(kind, image, image_key(*image, ORIGINAL), receipt.message, stage)


def _image(record: Record) -> Image:
    return record.receipt.user_id, record.receipt.image_id
