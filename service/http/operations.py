"""For those who run the service: is it alive, and can it reach what it needs."""

import asyncio

from aiohttp import web

from service.errors import ServiceError
from service.http.keys import STORAGE
from service.http.looks import Looks
from service.storage import Storage

FRESH_SECONDS = 1.0


async def _look(storage: Storage) -> dict[str, str]:
    """What each part of AWS says: `ok`, or what is wrong."""
    parts = {"s3": storage.objects.check, "sqs": storage.queue.check, "dynamodb": storage.catalog.check}
    results = await asyncio.gather(*(check() for check in parts.values()), return_exceptions=True)
    checks = {}
    for part, result in zip(parts, results, strict=True):
        if isinstance(result, BaseException) and not isinstance(result, ServiceError):
            raise result
        checks[part] = result.detail if isinstance(result, ServiceError) else "ok"
    return checks


LOOKS = web.AppKey("looks", Looks[Storage, dict[str, str]])


def looks() -> Looks[Storage, dict[str, str]]:
    """Looks at all that the service needs."""
    return Looks(_look, FRESH_SECONDS)


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
