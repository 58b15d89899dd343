"""The sweep: goes through all there is, page by page, and repairs what crashes have left behind.

It can be broken off after any page and go on from there, also in another process.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from service.errors import ServiceError
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.listing import Page
from worker.sweep.records import Records
from worker.sweep.report import Report
from worker.sweep.reservations import Reservations
from worker.sweep.stored import Stored
from worker.sweep.sweep import Sweep
from worker.sweep.untold import Untold
from worker.sweep.waiting import Waiting

STAGES = ("incoming", "direct", "images", "records")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a sweep stands: in which of `STAGES`, and behind what; `after` is as JSON has it."""

    stage: str = STAGES[0]
    after: Any = None

    @classmethod
    def read(cls, noted: Any) -> "Position":
        """A position as it was noted, perhaps by another version; the beginning, if that makes no sense."""
        if not isinstance(noted, dict) or noted.get("stage") not in STAGES:
            return cls()
        after = noted.get("after")
        return cls(noted["stage"], after) if isinstance(after, dict if noted["stage"] == "records" else str) else cls()


START = Position()


class Sweeper:
    """Does one sweep."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._storage = sweep.storage
        self._waiting = Waiting(sweep)
        self._stored = Stored(sweep)
        self._records = Records(sweep, self._waiting)
        self._reservations = Reservations(sweep)
        self._untold = Untold(sweep)

    async def run(self, position: Position = START) -> AsyncIterator[Position]:
        """Sweep from there to the end; yields after each page where it stands.

        :raises Unavailable: a part of AWS does not answer.
        """
        for stage in STAGES[STAGES.index(position.stage) :]:
            after = position.after if stage == position.stage else None
            while True:
                after = await (self._table(after) if stage == "records" else self._objects(stage, after))
                if after is None:
                    break
                yield Position(stage, after)

    async def _objects(self, stage: str, after: str | None) -> str | None:
        """One page of a folder; behind which key the next begins, or None after the last."""
        page = await self._storage.listing.page(f"{stage}/", after or "")
        if stage == "images":
            page = _whole_images(page)
            await self._stored.look(page.objects)
        else:
            self._sweep.report.looked_at["staged" if stage == "incoming" else stage] += len(page.objects)
            look = self._waiting.staged if stage == "incoming" else self._waiting.direct
            await self._sweep.each([one for one in page.objects if self._sweep.is_old(one)], look)
        return page.last

    async def _table(self, after: Mapping[str, str] | None) -> Mapping[str, str] | None:
        """One page of the table, likewise."""
        page = await self._storage.survey.page(after)
        await self._records.look(page.entries)
        await self._reservations.look(page.reservations)
        await self._untold.look(page.debts)
        return page.last


def _whole_images(page: Page) -> Page:
    """The page without the image at its end, of which the next page may have more objects."""
    groups = [list(group) for _, group in groupby(page.objects, lambda one: one.image)]
    if page.last is None or len(groups) < 2:
        return page
    objects = [one for group in groups[:-1] for one in group]
    return Page(objects, objects[-1].key)


async def sweep_once(storage: Storage, after_seconds: float, *, dry_run: bool = False, force: bool = False) -> Report:
    """One sweep over all there is; also when AWS stops to answer, the report says what was done until then."""
    sweep = Sweep(storage, after_seconds, dry_run, force)
    try:
        async for _ in Sweeper(sweep).run():
            pass
    except ServiceError as error:
        sweep.report.broken_off = f"{error.detail} {error.__cause__ or ''}".strip().partition("\n")[0]
    return sweep.report


async def sweep_all(settings: Settings, older_than: int | None, *, dry_run: bool, force: bool) -> Report:
    """One sweep over what these settings name."""
    after_seconds = settings.sweep_after_seconds if older_than is None else older_than
    async with open_storage(settings) as storage:
        return await sweep_once(storage, after_seconds, dry_run=dry_run, force=force)
