"""One round: people at work while processes die or are replaced, then calm, one sweep, and the comparison."""

import asyncio
import random
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from service.settings import Settings
from service.storage.provision import provision
from tests.backstage import until
from tests.chaos.clients import Person
from tests.chaos.found import Found, Look, looking_at
from tests.chaos.judge import Fault
from tests.chaos.ledger import Ledger
from tests.chaos.processes import Processes, Running, processes_of
from tests.chaos.seams import NOTHING_PLANNED
from tests.driver import Client
from tests.subscribers import topic_of

PEOPLE = 6
SWEEP = ("sweep", "--older-than", "0")
CALM_SECONDS = 240
"""How long it may take until nothing is left to do, on a busy machine."""
LOOK_SECONDS = 0.1
UNHURRIED = {"VISIBILITY_SECONDS": "60"}
"""Of who finishes it all: on a busy machine it must not lose its messages again before it is done with them."""
STORIES = 5
LOG_CHARACTERS = 3000


@dataclass
class Round:
    """A service of its own on one port, and all that happens to it."""

    settings: Settings
    processes: Processes
    ledger: Ledger
    look: Look
    dice: random.Random
    folder: Path

    @asynccontextmanager
    async def people(self) -> AsyncIterator["asyncio.Future[list[None]]"]:
        """People at work, who finish what they have begun when the context is left; done before if one fails."""
        stop = asyncio.Event()
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{self.settings.port}"
            clients = [Client(session, url, f"user-{one}") for one in range(PEOPLE)]
            people = [Person(client, self.ledger, self.dice.getrandbits(32)) for client in clients]
            lives = asyncio.gather(*(person.live(stop) for person in people))
            try:
                yield lives
                stop.set()
                await lives
            finally:
                lives.cancel()

    async def serve(self, *words: str) -> Running:
        """A service that nobody kills; it listens, also to signals, which would end it before that."""

        async def listens() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.settings.port)
            except ConnectionRefusedError:
                return False
            writer.close()
            return True

        running = await self.processes.start(*words)
        await until(listens, LOOK_SECONDS, CALM_SECONDS)
        return running

    async def work(self) -> None:
        """A worker that nobody kills until the queue is empty."""
        worker = await self.processes.start("worker", plan=NOTHING_PLANNED, variables=UNHURRIED)
        await self.until_begun(worker)
        await self.until_empty()
        await self.end(worker)

    async def until_begun(self, running: Running) -> None:
        """Wait until it is at work, so that it listens to signals."""
        await asyncio.wait_for(self.processes.begun[running.pid].wait(), CALM_SECONDS)

    async def end(self, running: Running) -> None:
        """SIGTERM, and a good end."""
        running.signal(signal.SIGTERM)
        assert await running.end_within(CALM_SECONDS) == 0, self.log

    async def sweep(self) -> None:
        """One sweep, which repairs all that it finds, and what the worker then has to do."""
        running = await self.processes.start(*SWEEP)
        assert await running.end_within(CALM_SECONDS) == 0, self.log
        await self.work()

    async def until_empty(self) -> None:
        """Wait until the queue is."""

        async def empty() -> bool:
            return await self.look.messages() == 0

        await until(empty, LOOK_SECONDS, CALM_SECONDS)

    async def until_alone(self) -> None:
        """Wait until no process lives that was started here, or was started by one of those."""

        async def alone() -> bool:
            return not self.processes.left_over()

        await until(alone, LOOK_SECONDS, CALM_SECONDS)

    async def end_state(self) -> Found:
        """What there is, when all processes have ended; no file of theirs is among it."""
        await self.until_alone()
        assert list((self.folder / "tmp").iterdir()) == []
        return await self.look.everything()

    @property
    def log(self) -> str:
        """The end of what the processes had to say."""
        return self.processes.log.read_text(errors="replace")[-LOG_CHARACTERS:]

    def told(self, faults: list[Fault]) -> str:
        """The faults, and the stories of the first ones, with what the processes logged of them."""
        lines = [f"{fault.kind}: {fault.text}" for fault in faults]
        log = self.processes.log.read_text(errors="replace").splitlines()
        for fault in faults[:STORIES]:
            lines += ["", f"--- {fault.kind}: {fault.text}", self.ledger.story(*fault.about)]
            lines += [line for line in log if any(one in line for one in fault.about)]
        return "\n".join(lines)


@asynccontextmanager
async def round_of(settings: Settings, dice: random.Random, folder: Path) -> AsyncIterator[Round]:
    """A round with names in AWS and a port of its own."""
    with socket.socket() as held:
        # Nobody else on this machine is given this port while the service is down.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        settings = replace(settings, port=held.getsockname()[1])
        await provision(settings)
        async with AsyncExitStack() as opened:
            topic = await opened.enter_async_context(topic_of(settings))
            look = await opened.enter_async_context(looking_at(settings, await topic.subscribe()))
            settings = replace(settings, topic=topic.arn)
            processes = await opened.enter_async_context(processes_of(settings, folder))
            yield Round(settings, processes, Ledger(), look, dice, folder)
