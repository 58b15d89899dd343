"""A worker process that shows its figures, and what it shows."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from service.settings import Settings
from tests.api.processes import started
from tests.api.supervised import samples
from tests.backstage import environment_of, until

Figures = Mapping[tuple[str, ...], float]


@dataclass(frozen=True)
class Worker:
    """A running worker and where its figures are."""

    process: asyncio.subprocess.Process
    url: str
    session: aiohttp.ClientSession

    async def figures(self) -> Figures:
        """All samples."""
        async with self.session.get(f"{self.url}/metrics") as answer:
            assert answer.status == 200
            return samples(await answer.text())

    async def until(self, **wanted: float) -> Figures:
        """The figures, as soon as these are so; by their names without what all begin and end with."""

        async def so() -> Figures | None:
            shown = await self.figures()
            return shown if all(summed(shown, name) == value for name, value in wanted.items()) else None

        return await until(so)  # type: ignore[no-any-return]

    async def health(self) -> int:
        """The status of `/healthz`."""
        async with self.session.get(f"{self.url}/healthz") as answer:
            return answer.status


def summed(shown: Figures, name: str) -> float:
    """A figure, over all its labels."""
    names = {f"cloud_images_{name}", f"cloud_images_{name}_total", f"cloud_images_{name}_seconds_count"}
    return sum(value for (one, *_), value in shown.items() if one in names)


@asynccontextmanager
async def showing(settings: Settings, folder: Path) -> AsyncIterator[Worker]:
    """A worker process with its figures on any free port."""
    log = folder / f"log-{uuid.uuid4().hex}"
    variables = environment_of(replace(settings, worker_metrics_port=0))
    async with started(variables, "worker", output=log) as process, aiohttp.ClientSession() as session:

        async def url() -> str | None:
            assert process.returncode is None, log.read_text()
            found = re.search(r"figures on (http://[^\s\"]+)/metrics", log.read_text())
            return found and found[1]

        yield Worker(process, await until(url), session)
