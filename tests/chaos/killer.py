"""Keeps processes running and kills them, at chosen points and at random moments, and knows where each one died."""

import asyncio
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.api.supervised import children
from tests.backstage import kill
from tests.chaos.ledger import Ledger
from tests.chaos.processes import KILLED, Processes, Running
from tests.chaos.seams import NEVER, NOTHING_PLANNED, Plan

START_SECONDS, END_SECONDS = 20.0, 120.0
BY_PLAN, AT_START = 0.8, 0.05
"""How many of all processes die at a point of their plan, and how many before they have done anything."""
LIVES = 4
"""How long others live at the longest: so many times as long as it took them to begin, as a busy machine is slow."""
PATIENCE = 10
"""The same for those whose plan does not come to pass."""
SPARED, LATEST = 40, 120
"""Most points that a process lives through before it dies at a new one, and then at any."""
AIMED = 0.7
"""How many die at nothing but their first new point, while there are points that have to be died at."""
OFTEN = 5
"""A point that so many processes have come through alive is one at which somebody has to die."""
PARTS_LIVES = (1, 8)
AGAIN_SECONDS = 0.05


@dataclass
class Toll:
    """All kills; by command (`serve` …) how many processes came through which points, and at which they died."""

    kills: int = 0
    crossed: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    died: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def survivors(self) -> set[str]:
        """The points that many came through and at which nobody has died."""
        return {
            f"{command}: {point}"
            for command, crossed in self.crossed.items()
            for point, times in crossed.items()
            if times >= OFTEN and point not in self.died[command]
        }

    def __str__(self) -> str:
        parts = []
        for command, died in sorted(self.died.items()):
            known = len({*self.crossed[command], *died})
            parts.append(f"{command}: {died.total()} at {len(died)} of {known} points")
        return f"{self.kills} kills ({'; '.join(parts)})"


class Killer:
    """Kills for one round, and counts it in `toll`."""

    def __init__(self, processes: Processes, ledger: Ledger, toll: Toll, dice: random.Random) -> None:
        self._processes = processes
        self._ledger = ledger
        self._toll = toll
        self._dice = dice
        self._dead: set[int] = set()
        processes.told = self._hear

    async def haunt(self, *words: str, until: Callable[[], bool]) -> None:
        """Start this command again and again, and kill it each time."""
        while not until():
            how = self._dice.random()
            plan = self._plan(words[0]) if how < BY_PLAN else NOTHING_PLANNED
            running = await self._processes.start(*words, plan=plan, seed=self._dice.getrandbits(32))
            starting = await self._begin(running, START_SECONDS if how > AT_START else self._dice.random() / 4)
            longest = PATIENCE if how < BY_PLAN else LIVES * self._dice.random()
            if await running.end_within(longest * starting) is None:
                if self._dice.random() < 0.2:
                    running.signal(signal.SIGTERM)
                    await running.end_within(self._dice.random() * starting)
                running.signal(signal.SIGKILL)
            await self._bury(running)

    async def haunt_parts(self, *words: str, until: Callable[[], bool]) -> None:
        """The same for a command of several processes: now one of them, now the one that looks after them."""
        loop = asyncio.get_running_loop()
        while not until():
            running = await self._processes.start(*words, plan=NOTHING_PLANNED)
            starting = await self._begin_in_part(running)
            end = loop.time() + starting * self._dice.uniform(*PARTS_LIVES)
            while await running.end_within(starting * self._dice.random()) is None and loop.time() < end:
                if parts := sorted(children(running.pid)):
                    self._kill_part(self._dice.choice(parts), words)
            running.signal(signal.SIGKILL)
            await self._bury(running)

    async def until_done(self, *words: str, kills: int) -> None:
        """Start a command that ends by itself until it does: first it is killed at any point, then only at new ones."""
        while True:
            last = self._dice.randint(1, LATEST) if self._toll.kills < kills else NEVER
            plan = Plan(frozenset(self._toll.died[words[0]]), 0, last)
            running = await self._processes.start(*words, plan=plan, seed=self._dice.getrandbits(32))
            if await asyncio.wait_for(running.ended, END_SECONDS) != KILLED and last is NEVER:
                return

    async def _begin(self, running: Running, seconds: float) -> float:
        """Wait until it comes to its first point; how long that took, at most so many seconds."""
        loop = asyncio.get_running_loop()
        began, begun = loop.time(), self._processes.begun[running.pid]
        running.ended.add_done_callback(lambda _: begun.set())
        with suppress(TimeoutError):
            await asyncio.wait_for(begun.wait(), seconds)
        return loop.time() - began

    async def _begin_in_part(self, running: Running) -> float:
        """The same for a command of several processes, of which one comes to a point."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() < began + START_SECONDS and not running.ended.done():
            if any(self._processes.begun[pid].is_set() for pid in children(running.pid)):
                break
            await asyncio.sleep(AGAIN_SECONDS)
        return loop.time() - began

    def _plan(self, command: str) -> Plan:
        known = frozenset(self._toll.died[command])
        if self._dice.random() < AIMED and any(one.startswith(command) for one in self._toll.survivors):
            return Plan(known, 0, NEVER)
        spared = self._dice.randrange(SPARED)
        return Plan(known, spared, spared + self._dice.randint(1, LATEST))

    def _kill_part(self, pid: int, words: tuple[str, ...]) -> None:
        kill(pid)
        self._toll.kills += 1
        self._ledger.note("all", f"a part of {words[0]}, {pid}, is killed")

    async def _bury(self, running: Running) -> None:
        code = await asyncio.wait_for(running.ended, END_SECONDS)
        if code == KILLED and running.pid not in self._dead:
            self._toll.kills += 1
            self._ledger.note("all", f"{running.words[0]} {running.pid} is killed")
        self._dead.discard(running.pid)
        if code != KILLED:
            await asyncio.sleep(AGAIN_SECONDS)

    def _hear(self, what: str, pid: int, command: str, point: str, image_id: str) -> None:
        if what == "crossed":
            self._toll.crossed[command][point] += 1
        if what == "dies":
            self._dead.add(pid)
            self._toll.died[command][point] += 1
            self._toll.kills += 1
            self._ledger.note(image_id or "all", f"{command} {pid} dies: {point}")
