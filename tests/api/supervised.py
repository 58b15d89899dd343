"""`cloud-images serve --processes N` as a user starts it, and which of its processes does what."""

import asyncio
import re
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from service.settings import Settings
from tests.api.processes import environment, started
from tests.backstage import SECONDS, ended, kill, stat_of, until
from tests.driver import Answer
from tests.pictures import jpeg
from tests.wire import Wire, bare_head

HEALTH = bare_head(target="/healthz", method="GET")


@dataclass(frozen=True)
class Supervised:
    """A running command, where it listens, its log, and its folder for temporary files."""

    process: Process
    url: str
    log: Path
    folder: Path

    @property
    def port(self) -> int:
        """The one port of all its processes."""
        return int(self.url.rpartition(":")[2])

    @property
    def children(self) -> set[int]:
        """The processes that the supervisor has at this moment."""
        return children(self.process.pid)

    async def ask(self, request: bytes = HEALTH) -> Answer:
        """One request on a connection of its own."""
        async with self._asking(request) as (answer, _):
            return answer

    async def ask_whom(self, request: bytes = HEALTH) -> tuple[Answer, int]:
        """The same, and the process that answered it."""
        async with self._asking(request) as (answer, client_port):
            return answer, self.owner(client_port)

    @asynccontextmanager
    async def _asking(self, request: bytes) -> AsyncIterator[tuple[Answer, int]]:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                wire = Wire(reader, writer)
                await wire.send(request)
                yield await wire.answer(), writer.get_extra_info("sockname")[1]
            finally:
                writer.close()

    async def metrics(self) -> dict[tuple[str, ...], float]:
        """What one of the processes shows."""
        return samples((await self.ask(bare_head(target="/metrics", method="GET"))).body.decode())

    def said(self, pattern: str) -> list[str]:
        """What the log says of this."""
        return re.findall(pattern, self.log.read_text())

    def owner(self, client_port: int) -> int:
        """The process that has the other end of this connection."""
        fields = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ours, theirs = f":{self.port:04X}", f":{client_port:04X}"
        found = {one[9] for one in fields if one[1].endswith(ours) and one[2].endswith(theirs)}
        # A connection that was between the same two ports before may still be listed; nobody owns it.
        (inode,) = found - {"0"}
        (pid,) = [pid for pid in self.children if f"socket:[{inode}]" in _open_files(pid)]
        return pid


def samples(metrics: str) -> dict[tuple[str, ...], float]:
    """What `/metrics` shows: name and labels' values, in the order of the labels' names → value."""
    found = [sample for family in text_string_to_metric_families(metrics) for sample in family.samples]
    return {(one.name, *(text for _, text in sorted(one.labels.items()))): one.value for one in found}


def upload(data: bytes | None = None, content_type: str = "image/jpeg", user: str = "alice") -> bytes:
    """The whole request of an upload."""
    data = jpeg().data if data is None else data
    headers = (f"X-User-Id: {user}", f"Content-Type: {content_type}", f"Content-Length: {len(data)}")
    return bare_head(*headers) + data


def children(parent: int) -> set[int]:
    """The processes of which this one is the parent, without those that have ended."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, its_parent = stat_of(int(folder.name))[:2]
            if int(its_parent) == parent and state not in "ZX":
                found.add(int(folder.name))
    return found


def _open_files(pid: int) -> set[str]:
    found = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.add(str(one.readlink()))
    return found


@asynccontextmanager
async def supervised(settings: Settings, folder: Path, processes: int = 2, **more: str) -> AsyncIterator[Supervised]:
    """The command with so many processes and further variables; nothing of it is left afterwards."""
    log, temporary = folder / "log", folder / "tmp"
    temporary.mkdir()
    variables = environment(settings, **{"PORT": "0", "TMPDIR": str(temporary), **more})
    async with started(variables, "serve", "--processes", str(processes), output=log) as process:
        pids: set[int] = set()

        async def url() -> str | None:
            assert process.returncode is None, log.read_text()
            found = re.search(r"serving on ([^\s\"]+)", log.read_text())
            return found and found[1]

        try:
            made = Supervised(process, await until(url), log, temporary)
            yield made
        finally:
            pids = children(process.pid)
            if process.returncode is None:
                process.kill()
            kill(*pids)
            await ended(*pids)
