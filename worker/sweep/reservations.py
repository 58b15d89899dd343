"""Takes back what is counted in a user's usage for uploads that never came to be."""

import time
from collections.abc import Sequence

from service.storage.survey import Reservation
from worker.sweep.report import Kind
from worker.sweep.sweep import Sweep


class Reservations:
    """Looks at pages of reservations."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._storage = sweep.storage

    async def look(self, page: Sequence[Reservation]) -> None:
        """Release the old ones of these that nothing stands behind."""
        self._sweep.report.looked_at["reservations"] += len(page)
        latest = time.time() - self._sweep.after_seconds
        await self._sweep.each([one for one in page if one.reserved_at <= latest], self._look)

    async def _look(self, reservation: Reservation) -> None:
        """In this order: bytes that wait have a reservation until there is a record, and go only after that.

        A client that tries an old upload again at this very moment, under its idempotency key, is counted all the same
        when there is a record.
        """
        user_id, image_id = reservation.image
        if await self._storage.objects.queued_receipt(user_id, image_id):
            return
        if await self._storage.catalog.get(user_id, image_id) is not None:
            return
        await self._sweep.repair(
            Kind.RESERVED_FOR_NOTHING,
            f"usage of {user_id} for {image_id}",
            lambda: self._storage.usage.release(user_id, image_id),
        )
