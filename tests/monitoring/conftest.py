"""A service and a worker with figures, as processes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.settings import Settings
from service.storage.provision import provision
from tests.api.supervised import Supervised, supervised, upload
from tests.conftest import settings_at
from tests.showing import Worker, showing
from tests.wire import bare_head


@dataclass(frozen=True)
class Running:
    """Both."""

    service: Supervised
    worker: Worker
    settings: Settings

    async def use(self, uploads: int) -> None:
        """Upload pictures, and something that is none."""
        for _ in range(uploads):
            assert (await self.service.ask(upload())).status == 202
        assert (await self.service.ask(upload(b"GIF89a", "text/plain"))).status == 400
        listing = bare_head("X-User-Id: alice", method="GET")
        assert (await self.service.ask(listing)).status == 200


@pytest.fixture(scope="module")
async def running(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Used a little already; the service in two processes."""
    settings = settings_at(endpoint)
    await provision(settings)
    folder: Path = tmp_path_factory.mktemp("monitored")
    async with supervised(settings, folder) as service, showing(settings, folder) as worker:
        running = Running(service, worker, settings)
        await running.use(3)
        await worker.until(ready=3)
        yield running
