"""Tells of failures that a sweep before this one has written, and of which it could not tell."""

from collections.abc import Sequence

from service.images import Status
from service.storage.survey import Entry, Image
from worker.sweep.report import Kind
from worker.sweep.sweep import Sweep
from worker.telling import is_owed, pay

REASONS = {"never_processed", "bytes_missing"}
"""Of what sweeps write. What a worker writes has a message, which comes again until it is told."""


class Untold:
    """Looks at pages of records, when there is a topic."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._storage = sweep.storage

    async def look(self, page: Sequence[Entry]) -> None:
        """Tell of those that it is noted of. SNS may be away for long: that breaks no sweep off."""
        if self._storage.topic.is_named:
            failed = [one.image for one in page if one.status is Status.FAILED and one.reason in REASONS]
            await self._sweep.each(failed, self._look)

    async def _look(self, image: Image) -> None:
        if not await is_owed(self._storage, *image):
            return
        report = self._sweep.report
        report.found[Kind.NEVER_TOLD] += 1
        if not self._sweep.dry_run and await pay(self._storage, *image):
            report.repaired[Kind.NEVER_TOLD] += 1
