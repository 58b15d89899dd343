"""Looks at AWS and the like that anybody may ask for, as often as they like: one at a time, each good for a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Place = TypeVar("Place")
Seen = TypeVar("Seen")


class Looks(Generic[Place, Seen]):
    """What `look` sees, shared by all who ask meanwhile and in `fresh_seconds` after that."""

    def __init__(self, look: Callable[[Place], Awaitable[Seen]], fresh_seconds: float) -> None:
        self._look = look
        self._fresh_seconds = fresh_seconds
        self._newest: asyncio.Task[Seen] | None = None
        self._fresh_until = 0.0

    async def newest(self, place: Place) -> Seen:
        """What the newest look has seen; raises what that one has raised."""
        loop = asyncio.get_running_loop()
        if self._newest is None or (self._newest.done() and loop.time() >= self._fresh_until):
            self._newest = asyncio.create_task(self._see(place))
        # Not cancelled with the first who asks, as others may be waiting for it.
        return await asyncio.shield(self._newest)

    async def _see(self, place: Place) -> Seen:
        try:
            return await self._look(place)
        finally:
            self._fresh_until = asyncio.get_running_loop().time() + self._fresh_seconds
