"""Where a process can be made to die: around and within every call to a part of the storage.

Everything that service, worker and command line do outside of themselves goes through the parts of `Storage`. Their
public methods are found here by looking, so a new one is a new point without anyone adding it.
"""

import asyncio
import functools
import inspect
import os
import random
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from service.storage import Storage

BEFORE, DURING, AFTER = MOMENTS = "before", "during", "after"
"""The call has not begun; its request is under way and nobody will read the answer; the answer has come."""
DURING_SECONDS = (0.0, 0.001, 0.003, 0.01)
IMAGE_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
MOST_CHARACTERS = 4000
ENDS = {"finish", "close"}
"""These ask AWS for nothing; they only wait for calls that are points themselves."""
ENDS = {"finish", "close"}
"""These ask AWS for nothing; they only wait for calls that are points themselves."""

Tell = Callable[[str, str, str], None]
"""Is called with what happens (`begins`, `crossed` or `dies`), at which point, and the image it is about, if any."""


@dataclass(frozen=True)
class Plan:
    """When to die: at the first point that is not one of `known` once `spared` were crossed, at `last` in any case."""

    known: frozenset[str]
    spared: int
    last: int

    def wants(self, point: str, crossed: int) -> bool:
        """Whether this point, the `crossed`th that the process comes to, is its last."""
        return crossed >= self.last or (crossed > self.spared and point not in self.known)


NEVER = 10**9
NOTHING_PLANNED = Plan(frozenset(), NEVER, NEVER)


class Seams:
    """Counts the points that this process crosses, and ends it by SIGKILL at the one of its plan."""

    def __init__(self, plan: Plan, tell: Tell) -> None:
        self._plan = plan
        self._tell = tell
        self._crossed = 0
        self._told: set[str] = set()

    def put_in(self) -> None:
        """Wrap the public methods of all parts, in this process."""
        for cls, name, method in parts():
            setattr(cls, name, self._wrapped(f"{cls.__name__}.{name}", method))

    def _wrapped(self, call: str, method: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isasyncgenfunction(method):

            @functools.wraps(method)
            async def many(*given: Any, **named: Any) -> AsyncIterator[Any]:
                with self._around(call, (*given[1:], *named.values())):
                    async for one in method(*given, **named):
                        yield one

            return many

        @functools.wraps(method)
        async def single(*given: Any, **named: Any) -> Any:
            with self._around(call, (*given[1:], *named.values())):
                return await method(*given, **named)

        return single

    def _around(self, call: str, given: tuple[Any, ...]) -> "_Around":
        return _Around(self, call, given)

    def cross(self, point: str) -> bool:
        """Whether the process is to die at this point."""
        self._crossed += 1
        if self._crossed == 1:
            self._tell("begins", point, "")
        if self._plan.wants(point, self._crossed):
            return True
        if point not in self._plan.known and point not in self._told:
            self._told.add(point)
            self._tell("crossed", point, "")
        return False

    def die(self, point: str, given: tuple[Any, ...]) -> None:
        """Be gone, without a chance to clean up."""
        self._tell("dies", point, image_in(given))
        os.kill(os.getpid(), signal.SIGKILL)


class _Around:
    """The three points of one call."""

    def __init__(self, seams: Seams, call: str, given: tuple[Any, ...]) -> None:
        self._seams, self._call, self._given = seams, call, given
        self._doomed = False

    def __enter__(self) -> None:
        self._at(BEFORE)
        self._doomed = self._seams.cross(f"{self._call} {DURING}")
        if self._doomed:
            asyncio.get_running_loop().call_later(random.choice(DURING_SECONDS), self._die, DURING)

    def __exit__(self, *_: object) -> None:
        if self._doomed:
            self._die(DURING)
        self._at(AFTER)

    def _at(self, moment: str) -> None:
        if self._seams.cross(f"{self._call} {moment}"):
            self._die(moment)

    def _die(self, moment: str) -> None:
        self._seams.die(f"{self._call} {moment}", self._given)


def parts() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """The public asynchronous methods of the parts of the storage, each with the class that has it."""
    hints = get_type_hints(Storage)
    for cls in dict.fromkeys(hints[part.name] for part in fields(Storage)):
        for name, member in list(vars(cls).items()):
            if (
                name not in ENDS
                and not name.startswith("_")
                and (inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member))
            ):
                yield cls, name, member


def image_in(given: tuple[Any, ...]) -> str:
    """The id of the image that a call is about, if it is about one."""
    for one in given:
        found = IMAGE_ID.search(repr(one)[:MOST_CHARACTERS])
        if found:
            return found[0]
    return ""
