"""Work in threads that a command does not wait for when it is interrupted."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


async def aside(do: Callable[[], Result]) -> Result:
    """What `do()` returns or raises.

    The loop's own threads are waited for when it ends: with them, Ctrl-C would wait for what stdin brings, or for the
    last file of a disk.
    """
    loop = asyncio.get_running_loop()
    ending: asyncio.Future[Result] = loop.create_future()

    def end(result: Result | None, error: Exception | None) -> None:
        if ending.done():
            return
        if error:
            ending.set_exception(error)
        else:
            ending.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = do()
        except Exception as raised:
            error = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(end, result, error)

    Thread(target=run, daemon=True).start()
    return await ending
