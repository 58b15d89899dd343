"""One image and what can happen to what it counts for: steps for tests of usage."""

from dataclasses import dataclass

from service.images import Record, Status
from service.storage import Storage
from tests.api.records import record

SIZE = 1000
STEPS = ("reserve", "release", "ready", "failed", "rejected", "edit", "delete")
"""Names of the methods below."""


@dataclass(frozen=True)
class Image:
    """One image of one user, and what can happen to it."""

    storage: Storage
    user: str
    image_id: str
    size: int = SIZE

    def record(self, status: Status = Status.READY) -> Record:
        """Its record."""
        return record(self.user, self.image_id, status=status, size=self.size)

    async def reserve(self) -> None:
        """It is accepted."""
        await self.storage.usage.reserve(self.record().receipt)

    async def release(self) -> None:
        """It comes to nothing."""
        await self.storage.usage.release(self.user, self.image_id)

    async def ready(self) -> None:
        """The worker is done with it."""
        await self.storage.catalog.settle(self.record())

    async def failed(self) -> None:
        """The worker could not do it."""
        await self.storage.catalog.settle(self.record(Status.FAILED))

    async def rejected(self) -> None:
        """It is no image."""
        await self.storage.catalog.settle(self.record(Status.REJECTED))

    async def edit(self) -> None:
        """Its owner gives it another title, if it has a record."""
        known = await self.storage.catalog.get(self.user, self.image_id)
        if isinstance(known, Record):
            await self.storage.catalog.replace(known.edited("Another", ()), known.version)

    async def delete(self) -> None:
        """Its owner deletes it."""
        await self.storage.catalog.delete(self.user, self.image_id)
