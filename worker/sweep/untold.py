"""Tells of failures that a sweep before this one has written, and of which it could not tell."""

from collections.abc import Sequence

from service.images import Record, Status
from service.storage.survey import Image
from worker.sweep.report import Kind
from worker.sweep.sweep import Sweep
from worker.telling import pay


class Untold:
    """Looks at pages of debts, when there is a topic."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._storage = sweep.storage

    async def look(self, page: Sequence[Image]) -> None:
        """Tell of these. SNS may be away for long: that breaks no sweep off."""
        if self._storage.topic.is_named:
            await self._sweep.each(page, self._look)

    async def _look(self, image: Image) -> None:
        """A debt whose failure was not written after all stays until it ends: somebody may be about to write it."""
        known = await self._storage.catalog.get(*image)
        if not isinstance(known, Record) or known.status is not Status.FAILED:
            return
        if not await self._storage.debts.is_noted(*image):
            return  # told since the page was read
        report = self._sweep.report
        report.found[Kind.NEVER_TOLD] += 1
        if not self._sweep.dry_run and await pay(self._storage, *image):
            report.repaired[Kind.NEVER_TOLD] += 1
