"""What a Lambda container keeps between its invocations: one event loop, and what was opened on it.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import asyncio
import atexit
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Generic, TypeVar

Opened = TypeVar("Opened")
Result = TypeVar("Result")


class Container(Generic[Opened]):
    """Runs invocations one after the other on one loop; an error of one does not reach the next.

    The loop stands still between invocations, as all of the container does, so an invocation must not return before
    what it began is done.
    """

    def __init__(self, opening: Callable[[], AbstractAsyncContextManager[Opened]]) -> None:
        self._opening = opening
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._opened: Opened

    def open(self) -> None:
        """Open what the invocations share, until the process ends."""
        self._runner.run(self._open())
        atexit.register(self.close)

    def run(self, work: Callable[[Opened], Coroutine[Any, Any, Result]]) -> Result:
        """One invocation, to its end."""
        return self._runner.run(work(self._opened))

    def close(self) -> None:
        """Close what was opened, and the loop."""
        atexit.unregister(self.close)
        self._runner.run(self._stack.aclose())
        self._runner.close()

    async def _open(self) -> None:
        self._opened = await self._stack.enter_async_context(self._opening())
