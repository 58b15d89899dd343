"""Group commit: while one request is under way the next entries collect, so a quiet caller is served at once and a busy
one ten entries a request."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from typing import Generic, TypeVar

Entry = TypeVar("Entry")

BATCH = 10
"""Most entries of one SQS request."""
REQUESTS_AT_ONCE = 4
LINGER_SECONDS = 0.01
"""How long an entry waits for others that are expected (as PostgreSQL's `commit_delay` with `commit_siblings`)."""
PATIENCE_SECONDS = 1.0
"""How long an entry waits for the request before it, which may be one that hangs."""


class Batches(Generic[Entry]):
    """Commits entries by `commit`, which gets up to ten and says of each what was wrong with it, or None."""

    def __init__(self, commit: Callable[[Sequence[Entry]], Awaitable[Sequence[Exception | None]]]) -> None:
        self._commit = commit
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._requests: set[asyncio.Task[None]] = set()
        self._expected = 0
        self._lingering: asyncio.TimerHandle | None = None

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """While in it, an entry is on its way, for which others wait a little."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1

    async def add(self, entry: Entry) -> None:
        """Commit one entry; it is done when this returns. Cancelled, it is taken back if it has not been sent yet.

        :raises Exception: what `commit` says of this entry, or raises for all of its batch.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((entry, done))
        if not self._expected or self._requests or len(self._waiting) >= BATCH:
            self._request_more()
        elif self._lingering is None:
            self._lingering = loop.call_later(LINGER_SECONDS, self._request_more)
        impatient = loop.call_later(PATIENCE_SECONDS, self._request_more, 1)
        try:
            await done
        except asyncio.CancelledError:
            self._waiting = [waiting for waiting in self._waiting if waiting[1] is not done]
            raise
        finally:
            impatient.cancel()

    def _request_more(self, enough: int = BATCH) -> None:
        """Begin another request when none is under way, or when `enough` entries are waiting for one."""
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        while self._waiting and (
            not self._requests or (len(self._waiting) >= enough and len(self._requests) < REQUESTS_AT_ONCE)
        ):
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            # In a context of its own: what is logged there is about all of them, not about the one that came last.
            task = asyncio.create_task(self._request(batch), context=Context())
            self._requests.add(task)
            task.add_done_callback(self._requested)

    def _requested(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        self._request_more()

    async def _request(self, batch: list[tuple[Entry, "asyncio.Future[None]"]]) -> None:
        verdicts: Sequence[BaseException | None]
        try:
            verdicts = await self._commit([entry for entry, _ in batch])
        except BaseException as error:  # every caller must hear of it, whatever it is
            verdicts = [error] * len(batch)
        for (_, done), verdict in zip(batch, verdicts, strict=True):
            if done.done():  # its caller was cancelled
                continue
            if verdict is None:
                done.set_result(None)
            else:
                done.set_exception(verdict)

    async def finish(self) -> None:
        """Wait for the requests that are under way, and for the entries that wait for one."""
        while self._requests or self._waiting:
            self._request_more(1)
            await asyncio.wait(self._requests)
