"""Acceptance: an upload is acknowledged only when its bytes are in S3 and its message is in SQS."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

from service import traces
from service.errors import ServiceError, TooManyRequests
from service.images import Receipt
from service.storage.objects import Objects
from service.storage.queue import Queue
from service.storage.usage import Usage

log = logging.getLogger(__name__)

Content = Callable[[], AbstractAsyncContextManager[Sequence[bytes]]]
"""The bytes of an upload, in pieces, which may cost memory while its context lasts."""


class Staging:
    """Takes uploads over from the service for the worker."""

    def __init__(self, objects: Objects, queue: Queue, usage: Usage) -> None:
        self._objects = objects
        self._queue = queue
        self._usage = usage
        self._under_way: set[asyncio.Task[None]] = set()

    async def accept(self, receipt: Receipt, content: Content, *, keep_on_failure: bool) -> None:
        """Stage the bytes and send the message; both are durable when this returns, and counted if there is a quota.

        A caller that is cancelled meanwhile ends only after this: half of it would be an orphan.

        :param keep_on_failure: leave the staged object when the message cannot be sent, because another request may
            stand on the same one (it has the same idempotency key).
        :raises TooManyRequests: the user's quota has no room for it; nothing was staged.
        :raises Unavailable: S3 or SQS does not answer as it should; what arrived is removed, if that can be.
        """
        async with content() as staged:
            task = self._begin(self._accept(receipt, staged, keep_on_failure))
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                # The bytes must stay where they are as long as they are on their way.
                await asyncio.wait([task])
                raise

    async def _accept(self, receipt: Receipt, staged: Sequence[bytes], keep_on_failure: bool) -> None:
        try:
            await self._usage.reserve(receipt, new=not keep_on_failure)
            with self._queue.expecting(), traces.span("stage", kind="client"):
                await self._objects.put_staged(receipt, staged)
            await self._queue.send(receipt.message)
        except TooManyRequests:
            raise
        except ServiceError:
            if not keep_on_failure:
                # Beside the answer, which shall not wait for an S3 that is away.
                self._begin(self._remove(receipt))
            raise

    async def _remove(self, receipt: Receipt) -> None:
        """A PUT that timed out may have arrived all the same, and so may a reservation."""
        if self._usage.quota:
            with suppress(ServiceError):
                await self._usage.release(receipt.user_id, receipt.image_id)
        with suppress(ServiceError):
            await self._objects.delete_staged(receipt.user_id, receipt.image_id)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def finish(self) -> None:
        """Wait for what is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)
