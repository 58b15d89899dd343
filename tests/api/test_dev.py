"""`cloud-images dev`, which `make run` runs: everything with one command, and nothing left of it afterwards."""

import asyncio
import contextlib
import os
import shlex
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from service.settings import Settings
from tests.api.processes import SECONDS, environment, run, started
from tests.driver import Answer, Client
from tests.local_aws import command, free_port
from tests.pictures import jpeg

LOCAL_AWS_PORT = 4566


@pytest.fixture
def port_of_aws() -> int:
    """The port that a local AWS has to have, free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", LOCAL_AWS_PORT))
        except OSError:
            pytest.skip(f"port {LOCAL_AWS_PORT}, which `dev` needs, is taken on this machine (by `make run`?)")
    return LOCAL_AWS_PORT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a space in its name, and a photo in it."""
    made = tmp_path / "my projects"
    made.mkdir()
    (made / "photo.jpg").write_bytes(jpeg().data)
    return made


@dataclass(frozen=True)
class Running:
    """A running `dev`."""

    process: asyncio.subprocess.Process
    output: Path
    client: Client

    async def says(self, text: str) -> str:
        """Wait until it has said that; returns all that it has said."""
        async with asyncio.timeout(SECONDS):
            while text not in (said := self.output.read_text()):
                assert self.process.returncode is None, said
                await asyncio.sleep(0.05)
        return said

    async def upload(self) -> dict[str, Any]:
        """Upload the photo until that works; returns its record."""
        answer: Answer | None = None
        async with asyncio.timeout(SECONDS):
            while answer is None or answer.status != 201:
                assert answer is None or answer.status in (202, 503), answer
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    answer = await self.client.upload(jpeg().data, Prefer="wait=3")
                await asyncio.sleep(0.1)
        assert answer.json["status"] == "ready"
        record: dict[str, Any] = answer.json
        return record

    async def shows(self, record: dict[str, Any]) -> bool:
        """Whether the image is there with its bytes."""
        one = await self.client.get(record["links"]["self"])
        content = await self.client.get(record["links"]["content"])
        return one.status == 200 and one.json == record and content.body == jpeg().data


@asynccontextmanager
async def dev(folder: Path, environment: dict[str, str]) -> AsyncIterator[Running]:
    """`cloud-images dev` in that folder, until it says that it is ready. Leaves no process behind, whatever happens."""
    port, output = free_port(), folder / "output"
    output.unlink(missing_ok=True)
    everything = environment | {"PORT": str(port)}
    family: list[int] = []
    try:
        async with (
            started(everything, "dev", "--state", "kept here", cwd=folder, output=output) as process,
            aiohttp.ClientSession() as session,
        ):
            running = Running(process, output, Client(session, f"http://127.0.0.1:{port}", "alice"))
            try:
                await running.says("Ready on")
                yield running
            finally:
                family = descendants(process.pid)
    finally:
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """The processes that it started, and those that they started."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def named(pids: list[int], name: str) -> int:
    """The one of these processes with that word in its command line."""
    (found,) = [pid for pid in pids if name in Path(f"/proc/{pid}/cmdline").read_text()]
    return found


async def gone(pids: list[int]) -> None:
    """Wait until all of these processes have ended."""
    async with asyncio.timeout(SECONDS):
        while pids:
            pids = [pid for pid in pids if is_running(pid)]
            await asyncio.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether there is such a process, and one that has not ended."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


async def paste(said: str, folder: Path) -> Answer:
    """Do what the line to paste says, as curl would."""
    (line,) = [line for line in said.splitlines() if line.strip().startswith("curl ")]
    words = shlex.split(line)
    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    data = (folder / words[words.index("--data-binary") + 1].removeprefix("@")).read_bytes()
    async with (
        aiohttp.ClientSession() as session,
        session.post(words[-1], data=data, headers=headers) as answer,
    ):
        return Answer(answer.status, answer.headers, await answer.read())


async def test_two_runs(port_of_aws: int, folder: Path) -> None:
    """The line to paste uploads a picture; Ctrl-C ends everything; the next run has what was stored.

    A local AWS that dies is started again, and even a SIGKILL leaves no process behind.
    """
    own_aws = {"PATH": os.environ["PATH"], "LOCAL_AWS": command()[0]}
    async with dev(folder, own_aws) as first:
        pasted = await paste(await first.says("curl"), folder)
        assert (pasted.status, pasted.json["status"]) == (201, "ready")
        record = await first.upload()
        family = descendants(first.process.pid)
        assert len(family) >= 3, "a local AWS, a service and a worker"
        first.process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(first.process.wait(), SECONDS) == 0
        await gone(family)
    assert [entry.name for entry in folder.iterdir() if entry.is_dir()] == ["kept here"]

    async with dev(folder, own_aws) as second:
        assert await second.shows(record)
        assert await second.shows(pasted.json)
        os.kill(named(descendants(second.process.pid), "ministack"), signal.SIGKILL)
        await second.says("local AWS ended by itself")
        await second.upload()
        family = descendants(second.process.pid)
        second.process.kill()
        await gone(family)


async def test_beside_an_aws_that_is_there(settings: Settings, folder: Path) -> None:
    """With `AWS_ENDPOINT` it starts none; a service or a worker that dies is started again; SIGTERM ends it too."""
    async with dev(folder, environment(settings)) as running:
        record = await running.upload()
        family = descendants(running.process.pid)
        assert not any("ministack" in Path(f"/proc/{pid}/cmdline").read_text() for pid in family)
        for name in ("serve", "worker"):
            os.kill(named(descendants(running.process.pid), f"service.cli\0{name}"), signal.SIGKILL)
            await running.says(f"{name} ended by itself")
            await running.upload()
        assert await running.shows(record)
        family += descendants(running.process.pid)
        running.process.terminate()
        assert await asyncio.wait_for(running.process.wait(), SECONDS) == 0
        await gone(family)
    assert not (folder / "kept here").exists()


@pytest.mark.parametrize(
    ("taken", "given", "advice"),
    [(LOCAL_AWS_PORT, {"PORT": "0"}, "AWS_ENDPOINT="), (8080, {}, "PORT="), (0, {"PORT": "taken"}, "PORT=")],
    ids=["4566", "8080", "PORT"],
)
async def test_a_port_that_is_taken(folder: Path, taken: int, given: dict[str, str], advice: str) -> None:
    """It says which and what to do, before it has started anything."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # If it is taken already, so much the better.
        with contextlib.suppress(OSError):
            other.bind(("127.0.0.1", taken))
            other.listen()
        port = taken or other.getsockname()[1]
        if not taken:
            given = {"PORT": str(port)}
        ended = await run({"PATH": os.environ["PATH"], "LOCAL_AWS": command()[0], **given}, "dev", cwd=folder)
    assert f"Port {port}," in ended.complaint
    assert "is taken" in ended.complaint
    assert advice in ended.complaint
    assert [entry.name for entry in folder.iterdir()] == ["photo.jpg"]
