"""One form, one user, and a worker that goes step by step: for tests of the order in which things happen."""

from dataclasses import dataclass, replace
from typing import Any

from service.images import Receipt
from service.intake.receive import Inspection
from service.intake.structure import Limits
from service.settings import Settings
from service.storage import Storage
from service.storage.notifications import Arrival
from service.storage.objects import Objects
from tests.backstage import Backstage, drain
from tests.direct import arrive, at_rest, no_image, only_image, path_of
from tests.driver import Client
from tests.pictures import MOST_BYTES
from worker.admission import admit
from worker.decoder import Decoders
from worker.processing import Done

LIMITS = Limits(50_000_000, 32_767, 900)


@dataclass(frozen=True)
class Stage:
    """A user with a form, and all that a worker needs."""

    client: Client
    settings: Settings
    storage: Storage
    decoders: Decoders
    backstage: Backstage
    given: Any

    async def arrive(self, data: bytes) -> None:
        """Post a file with the form; S3 has told the queue."""
        await arrive(self.client, self.backstage, self.given, data)

    async def drain(self, objects: Objects | None = None) -> None:
        """Let a worker do all that there is."""
        storage = replace(self.storage, objects=objects) if objects else self.storage
        await drain(self.settings, storage, self.decoders)

    async def admit(self, objects: Objects | None = None) -> None:
        """Let the worker look at what has arrived, as if its message had come, and no further."""
        storage = replace(self.storage, objects=objects) if objects else self.storage
        outcome = await admit(Arrival(self.client.user, self.given["image_id"]), storage, LIMITS)
        assert isinstance(outcome, Done), outcome

    async def stage(self) -> None:
        """Stage what has arrived, and die before the message is sent."""
        user, image_id = self.client.user, self.given["image_id"]
        found = await self.storage.objects.get_direct(user, image_id, MOST_BYTES)
        assert found
        said, content = found
        await self.storage.objects.put_staged(_as_sound(said, content), [content], new=True)

    async def delete(self) -> None:
        """Let the owner delete the image."""
        assert (await self.client.ask("DELETE", path_of(self.given))).status == 204

    async def is_only(self, data: bytes) -> None:
        await only_image(self.client, self.backstage, self.given, data)

    async def is_gone(self) -> None:
        await no_image(self.client, self.backstage, self.given)

    async def is_rejected(self, code: str) -> None:
        """Check that it is, and that nothing but its record is left."""
        record = (await self.client.get(path_of(self.given))).json
        assert (record["status"], record["reason"] and record["reason"]["code"]) == ("rejected", code)
        assert await self.backstage.keys_of(self.client.user) == set()
        await at_rest(self.backstage)


def _as_sound(said: Receipt, content: bytes) -> Receipt:
    inspection = Inspection(said.content_type, LIMITS)
    inspection.feed(content)
    facts = inspection.finish()
    sized = replace(said, width=facts.width, height=facts.height, frames=facts.frames)
    return replace(sized, sha256=facts.sha256, size=facts.size)
