"""A service with a worker a module, and a user of its own a test, of whom both client and command line can speak."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.client import Client, Image
from service.http.server import serving
from service.settings import Settings
from service.storage import Storage
from tests.api.processes import Ended, run
from tests.backstage import working
from tests.pictures import Picture
from worker.decoder import Decoders

ROOT = Path(__file__).parent.parent.parent
BARE = {"COLUMNS": "120", "PYTHONWARNINGS": "error", "PYTHONPATH": str(ROOT)}
"""Commands run in folders of their users: without the path they would find an installed service, if any."""


@dataclass(frozen=True)
class Person:
    """A user at a command line."""

    url: str
    name: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What they have set."""
        return {**BARE, "CLOUD_IMAGES_URL": self.url, "CLOUD_IMAGES_USER": self.name}

    def client(self) -> Client:
        """The client of a program of theirs."""
        return Client(self.url, user=self.name)

    async def run(self, *words: str, **environment: str) -> Ended:
        """`cloud-images` with these words, in their folder."""
        return await run({**self.environment, **environment}, *words, cwd=self.folder)

    async def images(self) -> list[Image]:
        """All that the service has of theirs, newest first, the queued ones included."""
        async with self.client() as client:
            found = {image.image_id: image async for image in client.list(status="queued")}
            # One may have become ready between the two looks.
            return list((found | {image.image_id: image async for image in client.list()}).values())

    def put(self, name: str, picture: Picture | bytes) -> Path:
        """Put a picture into their folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture if isinstance(picture, bytes) else picture.data)
        return path


@pytest.fixture(scope="module")
async def url(settings: Settings, storage: Storage, decoders: Decoders) -> AsyncIterator[str]:
    """A service with a worker."""
    async with working(settings, storage, decoders), serving(settings) as at:
        yield at


@pytest.fixture
def person(url: str, tmp_path: Path) -> Person:
    """Someone whom no other test has, with an empty folder whose name has a space in it."""
    folder = tmp_path / "my photos"
    folder.mkdir()
    return Person(url, f"user-{uuid.uuid4().hex[:12]}", folder)
