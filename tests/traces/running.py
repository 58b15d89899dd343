"""A service and workers as processes of the command line, with what they log."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from service.settings import Settings
from tests.api.processes import Environment, environment, started
from tests.backstage import until
from tests.driver import Client

QUICK = {"PORT": "0", "POLL_SECONDS": "1", "RETRY_SECONDS": "0", "DECODERS": "1", "SWEEP_SECONDS": "0"}


@dataclass
class Log:
    """The log of some processes."""

    path: Path

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What has been logged."""
        return [dict(json.loads(line)) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    async def line(self, **fields: object) -> dict[str, Any]:
        """A line that has these fields, as soon as there is one."""

        async def found() -> dict[str, Any] | None:
            return next((line for line in self.lines if fields.items() <= line.items()), None)

        line: dict[str, Any] = await until(found)
        return line


def variables(settings: Settings, **more: str) -> Environment:
    """The environment of a process."""
    return environment(settings, **QUICK, **more)


@asynccontextmanager
async def service(known: Environment, log: Path, *words: str) -> AsyncIterator[Client]:
    """A service, and a client of it."""
    async with started(known, "serve", *words, output=log):

        async def url() -> str | None:
            said = [line["message"] for line in Log(log).lines]
            line = next((one for one in said if one.startswith("serving on ")), None)
            return line.split()[2] if line else None

        async with client_at(await until(url)) as client:
            yield client


@asynccontextmanager
async def client_at(url: str) -> AsyncIterator[Client]:
    """A client with connections of its own."""
    async with aiohttp.ClientSession() as session:
        yield Client(session, url, "alice")
