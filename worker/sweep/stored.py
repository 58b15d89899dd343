"""Removes objects under `images/` that nothing tells of."""

from collections.abc import Sequence

from service.images import EPOCH, Status, created_at
from service.storage.listing import Listed
from service.storage.objects import ORIGINAL, VARIANTS, image_key
from service.storage.survey import Image
from worker.sweep.report import Kind
from worker.sweep.sweep import Sweep

NAMES = {ORIGINAL, *VARIANTS}
GONE = {Status.REJECTED, Status.DELETED}


class Stored:
    """Looks at pages of `images/`."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._storage = sweep.storage
        # Images with and without record.
        self._known, self._orphans = 0, 0

    async def look(self, page: Sequence[Listed]) -> None:
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
            self._sweep.leave_in_doubt(Kind.STORED_WITHOUT_RECORD, image, "table")

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
