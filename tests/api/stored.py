"""Images that went the whole way."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from service.settings import Settings
from service.storage import Storage
from tests.driver import Client, drain
from tests.pictures import Picture
from worker.decoder import Decoders

FILENAME = '"evil";.html'
"""Something that no header should repeat."""


@dataclass(frozen=True, repr=False)
class Stored:
    """A ready image: its bytes, and what the service says of it."""

    data: bytes
    record: dict[str, Any]

    def __repr__(self) -> str:
        return f"<image {self.record['image_id']} of {len(self.data)} bytes>"

    @property
    def path(self) -> str:
        """Where it is."""
        return str(self.record["links"]["self"])

    @property
    def content(self) -> str:
        """Where its bytes are."""
        return str(self.record["links"]["content"])


async def store(
    client: Client, settings: Settings, storage: Storage, decoders: Decoders, pictures: Sequence[Picture]
) -> list[Stored]:
    """Upload these pictures, all named FILENAME, and let a worker process them."""
    answers = await asyncio.gather(
        *(
            client.ask(
                "POST",
                "/v1/images",
                params={"filename": FILENAME},
                data=BytesIO(picture.data),
                headers={"Content-Type": picture.content_type},
            )
            for picture in pictures
        )
    )
    assert [answer.status for answer in answers] == [202] * len(pictures)
    await drain(settings, storage, decoders)
    records = [(await client.get(answer.headers["Location"])).json for answer in answers]
    assert [record["status"] for record in records] == ["ready"] * len(pictures)
    return [Stored(picture.data, record) for picture, record in zip(pictures, records, strict=True)]
