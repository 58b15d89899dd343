"""The processes of a round, as the test sees them: started by a zygote, each with an end that can be awaited."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from service.settings import Settings
from tests.api.supervised import children
from tests.backstage import environment_of
from tests.chaos.seams import Plan

KILLED = -signal.SIGKILL
START_SECONDS = 120

Told = Callable[[str, int, str, str, str], None]
"""Gets what a seam tells: `crossed` or `dies`, the process and its command, the point, the image."""


@dataclass(eq=False)
class Running:
    """A process of `cloud-images`."""

    pid: int
    words: tuple[str, ...]
    ended: "asyncio.Future[int]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still lives."""
        if not self.ended.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def end_within(self, seconds: float) -> int | None:
        """Its exit code, or None when it still lives after that many seconds."""
        await asyncio.wait([self.ended], timeout=seconds)
        return self.ended.result() if self.ended.done() else None


class Processes:
    """Starts processes with these settings; what they log goes to one file."""

    def __init__(self, zygote: Process, settings: Settings, folder: Path) -> None:
        self._zygote = zygote
        self._asking = asyncio.Lock()
        self._running: dict[int, Running] = {}
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._orphans: dict[int, int] = {}
        self.begun: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self._variables = environment_of(settings) | {"TMPDIR": str(folder / "tmp")}
        self.log = folder / "log"
        self.told: Told = lambda *_: None

    async def start(
        self, *words: str, plan: Plan | None = None, seed: int = 0, variables: Mapping[str, str] | None = None
    ) -> Running:
        """`cloud-images` with these words and further variables; it dies by `plan` if it has one.

        With a plan it tells of the points that it comes to; `begun` of its pid is set at the first.
        """
        dying = plan and (sorted(plan.known), plan.spared, plan.last, seed)
        environment = {**self._variables, **(variables or {})}
        command = {"words": words, "environment": environment, "plan": dying, "log": str(self.log)}
        assert self._zygote.stdin
        async with self._asking:
            self._zygote.stdin.write(json.dumps(command).encode() + b"\n")
            pid = await asyncio.wait_for(self._started.get(), START_SECONDS)
            running = self._running[pid] = Running(pid, words)
        if pid in self._orphans:  # it ended before anyone knew of it
            self._end(pid, self._orphans.pop(pid))
        return running

    def left_over(self) -> set[int]:
        """All processes that still live, those included whose parent has died."""
        return children(self._zygote.pid)

    async def listen(self) -> None:
        """Take in what the zygote and the processes tell, until there is no zygote."""
        assert self._zygote.stdout
        while line := await self._zygote.stdout.readline():
            what, pid, *more = json.loads(line)
            if what == "started":
                self._started.put_nowait(pid)
            elif what == "ended":
                self._end(pid, *more)
            else:
                self.begun[pid].set()
                self.told(what, pid, *more)

    def _end(self, pid: int, code: int) -> None:
        self.begun.pop(pid, None)
        running = self._running.pop(pid, None)
        if running:
            running.ended.set_result(code)
        else:
            self._orphans[pid] = code


@asynccontextmanager
async def processes_of(settings: Settings, folder: Path) -> AsyncIterator[Processes]:
    """A zygote for these settings; it and all that it has started are gone when the context is left."""
    (folder / "tmp").mkdir(parents=True)
    with (folder / "log").open("ab") as log:
        zygote = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.chaos.zygote", stdin=PIPE, stdout=PIPE, stderr=log
        )
    processes = Processes(zygote, settings, folder)
    listening = asyncio.create_task(processes.listen())
    try:
        yield processes
    finally:
        for pid in processes.left_over():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert zygote.stdin
        zygote.stdin.close()
        await zygote.wait()
        await listening
