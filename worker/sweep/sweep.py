"""What all repairs of a sweep share: how careful it is, and that one thing that cannot be repaired stops no other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from service.errors import ServiceError
from service.storage import Storage
from service.storage.listing import Listed
from service.storage.objects import image_key
from service.storage.survey import Image
from worker.sweep.report import Kind, Report

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Repairs under way at once: few, as the worker has uploads to process."""
MOST_FAILURES = 10
"""After so many and no success between, AWS is taken for away, and the sweep breaks off."""

Thing = TypeVar("Thing")


@dataclass
class Sweep:
    """One sweep.

    It takes for left behind only what is older than `after_seconds`, and with `dry_run` changes nothing. A lost table
    makes all images look like leftovers, and a lost bucket all records: unless told to `force` it, a sweep removes or
    fails no more of them than it has seen whole ones, and removes none that is older than the table.
    """

    storage: Storage
    after_seconds: float
    dry_run: bool = False
    force: bool = False
    report: Report = field(default_factory=Report)
    _failures: int = 0

    def is_old(self, listed: Listed) -> bool:
        """Whether nobody has written the object for so long that nobody is about to go on with it."""
        # With 0, whatever the clocks say.
        return not self.after_seconds or listed.age > timedelta(seconds=self.after_seconds)

    async def repair(self, kind: Kind, what: str, action: Callable[[], Awaitable[Any]]) -> None:
        """Count a finding, and unless this is a dry run repair it."""
        self.report.found[kind] += 1
        if not self.dry_run:
            await action()
            self.report.repaired[kind] += 1
            log.info("sweep: %s: %s", kind, what)

    def leave_in_doubt(self, kind: Kind, image: Image, what: str) -> None:
        """Count an image that is not repaired, as the `table` or the `bucket` may be the wrong one."""
        why = f"the {what} may be another than before; if it is the right one, use --force"
        self.report.leave(kind, f"{image_key(*image, '')}: {why}")

    async def each(self, things: Sequence[Thing], look: Callable[[Thing], Awaitable[None]]) -> None:
        """Look at each of these, a few at once.

        :raises ServiceError: too many could not be repaired.
        """
        for at in range(0, len(things), AT_ONCE):
            errors = await asyncio.gather(*(self._look(thing, look) for thing in things[at : at + AT_ONCE]))
            self._failures = self._failures + len(errors) if all(errors) else 0
            if self._failures > MOST_FAILURES:
                raise next(filter(None, errors))

    async def _look(self, thing: Thing, look: Callable[[Thing], Awaitable[None]]) -> ServiceError | None:
        try:
            await look(thing)
        except ServiceError as error:
            self._not_repaired(thing, error.detail)
            return error
        except Exception as error:
            log.exception("sweep: this failed in a way that nobody foresaw")
            self._not_repaired(thing, repr(error))
        return None

    def _not_repaired(self, thing: Any, why: str) -> None:
        log.warning("sweep: %r: %s", thing, why)
        self.report.leave(Kind.NOT_REPAIRED, f"{thing!r}: {why}")
