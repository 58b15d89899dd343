"""For those who run the service: is it alive, and can it reach what it needs."""

import asyncio

from aiohttp import web

from service.errors import ServiceError
from service.http.keys import STORAGE
from service.storage import Storage

FRESH_SECONDS = 1.0
"""Anybody may ask, as often as they like, and each look is three calls to AWS."""


class Looks:
    """Looks at AWS, shared by all who ask meanwhile and in `FRESH_SECONDS` after that."""

    def __init__(self) -> None:
        self._newest: asyncio.Task[dict[str, str]] | None = None
        self._fresh_until = 0.0

    async def newest(self, storage: Storage) -> dict[str, str]:
        """What each part of AWS says: `ok`, or what is wrong."""
        loop = asyncio.get_running_loop()
        if self._newest is None or (self._newest.done() and loop.time() >= self._fresh_until):
            self._newest = asyncio.create_task(self._look(storage))
        # Not cancelled with the first who asks, as others may be waiting for it.
        return await asyncio.shield(self._newest)

    async def _look(self, storage: Storage) -> dict[str, str]:
        parts = {"s3": storage.objects.check, "sqs": storage.queue.check, "dynamodb": storage.catalog.check}
        results = await asyncio.gather(*(check() for check in parts.values()), return_exceptions=True)
        self._fresh_until = asyncio.get_running_loop().time() + FRESH_SECONDS
        checks = {}
        for part, result in zip(parts, results, strict=True):
            if isinstance(result, BaseException) and not isinstance(result, ServiceError):
                raise result
            checks[part] = result.detail if isinstance(result, ServiceError) else "ok"
        return checks


LOOKS = web.AppKey("looks", Looks)


async def healthz(request: web.Request) -> web.Response:
    """200 as long as the process answers at all."""
    return web.json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """200 when S3, SQS and DynamoDB answer; else 503, and which of them does not."""
    checks = await request.app[LOOKS].newest(request.app[STORAGE])
    ready = all(check == "ok" for check in checks.values())
    return web.json_response(
        {"status": "ok" if ready else "unavailable", "checks": checks}, status=200 if ready else 503
    )
