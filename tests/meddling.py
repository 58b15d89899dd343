"""Storage in which something happens right before a call: another acts, or the process dies."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from typing import Any

from service.storage import Storage

Before = Callable[[str, tuple[Any, ...]], Awaitable[None]]


class Meddled:
    """A part of storage; `before` is told each call's name and arguments."""

    def __init__(self, inner: Any, before: Before) -> None:
        self._inner = inner
        self._before = before

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def call(*args: Any, **more: Any) -> Any:
            await self._before(name, args)
            return await found(*args, **more)

        return call


def meddled(storage: Storage, before: Before) -> Storage:
    """Storage of which every part is meddled with."""
    parts: dict[str, Any] = {
        one.name: Meddled(getattr(storage, one.name), before) for one in fields(storage) if one.name != "sweep_turns"
    }
    return replace(storage, **parts)


class Killed(BaseException):
    """The process is dead."""


def killed_at(call: int) -> Before:
    """Death at the so-manieth call; none is made after it."""
    left = call

    async def before(name: str, args: tuple[Any, ...]) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            raise Killed

    return before
