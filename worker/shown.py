"""`/metrics` and `/healthz` of a worker, which has no other port. Only loaded by one that is told to show them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from service.errors import SettingsError
from service.settings import Settings
from worker.metrics import Metrics

log = logging.getLogger(__name__)

END_SECONDS = 1.0
"""How long who asks at the very end may take for it."""
MOST_CONNECTIONS = 16
QUESTION_SECONDS = 10.0
"""From a connection to its end: what Prometheus waits for an answer by default."""


class _Question(web.RequestHandler):
    """A connection for one question, so that nobody who asks can cost the worker much.

    It ends with the answer, or when its time is over, whatever its client sends or takes; and the oldest one when there
    are too many.

    :param others: all that are open, the oldest first.
    """

    def __init__(self, manager: web.Server, others: "list[_Question]") -> None:
        loop = asyncio.get_running_loop()
        super().__init__(manager, loop=loop, access_log=None, lingering_time=0, auto_decompress=False)  # type: ignore[arg-type]
        self._others = others
        self._wire: asyncio.Transport | None = None
        self._over: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected."""
        super().connection_made(transport)
        self._wire = cast(asyncio.Transport, transport)
        self._over = asyncio.get_running_loop().call_later(QUESTION_SECONDS, self._wire.abort)
        if len(self._others) >= MOST_CONNECTIONS:
            self._others.pop(0).cut()
        self._others.append(self)

    def cut(self) -> None:
        """End it at once."""
        if self._wire is not None:
            self._wire.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It has ended."""
        super().connection_lost(exc)
        if self._over is not None:
            self._over.cancel()
        if self in self._others:
            self._others.remove(self)


@asynccontextmanager
async def shown(metrics: Metrics, settings: Settings) -> AsyncIterator[str]:
    """Shows these figures as long as the context; yields the URL of the listener.

    :raises SettingsError: the address cannot be listened on.
    """

    async def healthz(request: web.Request) -> web.Response:
        """503 when the worker has ceased to ask the queue; not when AWS is away, which no restart mends."""
        deaf = metrics.is_deaf
        return web.json_response({"status": "stuck" if deaf else "ok"}, status=503 if deaf else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", make_aiohttp_handler(metrics.registry)), web.get("/healthz", healthz)])
    app.on_response_prepare.append(_last)
    runner = web.AppRunner(app, shutdown_timeout=END_SECONDS)
    await runner.setup()
    host, port = settings.worker_metrics_host, settings.worker_metrics_port
    manager, questions = cast(web.Server, runner.server), list[_Question]()
    server: asyncio.Server | None = None
    try:
        try:
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: _Question(manager, questions), host, port)
        except OSError as error:
            said = f"Cannot listen on {host}:{port} (WORKER_METRICS_PORT): {error.strerror or error}."
            raise SettingsError(said) from None
        name, number = server.sockets[0].getsockname()[:2]
        url = f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}"
        log.info("figures on %s/metrics", url)
        yield url
    finally:
        if server is not None:
            server.close()
        await runner.cleanup()


async def _last(request: web.Request, response: web.StreamResponse) -> None:
    response.force_close()
    # aiohttp has decided on this header before it comes here.
    response.headers["Connection"] = "close"
