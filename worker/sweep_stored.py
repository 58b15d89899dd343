"""Repairs what is stored: objects under `images/` that nothing tells of, and records that tell of missing objects."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from service.images import EPOCH, Reason, Record, Status, created_at
from service.storage.listing import Listed
from service.storage.objects import ORIGINAL, VARIANTS, image_key, staged_key
from service.storage.survey import Entry, Image
from worker.sweep import Sweep
from worker.sweep_report import Kind
from worker.sweep_waiting import Waiting
from worker.telling import owe, pay

NAMES = {ORIGINAL, *VARIANTS}
BYTES_MISSING = "bytes_missing"
GONE = {Status.REJECTED, Status.DELETED}


class Stored:
    """Looks at pages of `images/` and of records."""

    def __init__(self, sweep: Sweep, waiting: Waiting) -> None:
        self._sweep = sweep
        self._storage = sweep.storage
        self._waiting = waiting
        # Images with and without record; ready records with and without original.
        self._known, self._orphans, self._sound, self._lost = 0, 0, 0, 0

    async def images(self, page: Sequence[Listed]) -> None:
        """Objects under `images/`, all those of an image together."""
        images: dict[Image, list[Listed]] = {}
        for listed in page:
            if listed.image and listed.name in NAMES:
                images.setdefault(listed.image, []).append(listed)
            elif self._sweep.is_old(listed):
                self._sweep.report.leave(Kind.UNKNOWN_KEY, listed.key)
        self._sweep.report.looked_at["images"] += len(images)
        statuses = await self._storage.survey.statuses(images)
        old = [image for image, objects in images.items() if all(map(self._sweep.is_old, objects))]
        self._known += len(statuses)
        await self._sweep.each([image for image in old if statuses.get(image) in GONE], self._gone)
        orphans: list[Image] = []

        async def look(image: Image) -> None:
            if await self._is_orphan(image):
                orphans.append(image)

        await self._sweep.each([image for image in old if image not in statuses], look)
        # Else new uploads to an empty table would let each sweep remove as many of the images from before.
        oldest = await self._storage.survey.made_at() if orphans and not self._sweep.force else EPOCH
        older = [image for image in orphans if created_at(image[1]) < oldest]
        orphans = [image for image in orphans if created_at(image[1]) >= oldest]
        self._orphans += len(orphans)
        if self._orphans > self._known and not self._sweep.force:
            older, orphans = older + orphans, []
        await self._sweep.each(orphans, self._remove)
        for image in older:
            self._leave(Kind.STORED_WITHOUT_RECORD, image, "table")

    async def records(self, page: Sequence[Entry]) -> None:
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

    async def _gone(self, image: Image) -> None:
        # Final for ever, so it is of no account how long ago that was read.
        await self._sweep.repair(
            Kind.STORED_OF_GONE, image_key(*image, ""), lambda: self._storage.objects.delete_stored(*image)
        )

    async def _is_orphan(self, image: Image) -> bool:
        """Whether neither staged bytes nor a record stand behind stored ones.

        In this order: a worker stores from staged bytes, which go only after there is a record. Without both nobody
        stores under this id any more. Only an upload that was refused at its acceptance loses staged bytes otherwise,
        in the moments after its id was made; the objects are older.
        """
        return not await self._storage.objects.is_staged(*image) and await self._storage.catalog.get(*image) is None

    async def _remove(self, image: Image) -> None:
        await self._sweep.repair(
            Kind.STORED_WITHOUT_RECORD, image_key(*image, ""), lambda: self._storage.objects.delete_stored(*image)
        )

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
            self._leave(kind, image, "bucket")
        else:
            reason = Reason(code="bytes_missing", detail="The image's bytes are not in the bucket any more.")
            failed = replace(
                record, status=Status.FAILED, reason=reason, updated_at=datetime.now(UTC), version=record.version + 1
            )

            async def write() -> None:
                # An owner who edits or deletes it meanwhile goes first.
                await owe(self._storage, *image)
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

    def _leave(self, kind: Kind, image: Image, what: str) -> None:
        why = f"the {what} may be another than before; if it is the right one, use --force"
        self._sweep.report.leave(kind, f"{image_key(*image, '')}: {why}")


def _image(record: Record) -> Image:
    return record.receipt.user_id, record.receipt.image_id
