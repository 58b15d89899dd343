"""`/metrics` and `/healthz` of a worker, which has no other port. Only loaded by one that is told to show them."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from service.errors import SettingsError
from service.settings import Settings
from worker.metrics import Metrics

log = logging.getLogger(__name__)

END_SECONDS = 1.0
"""How long who asks at the very end may take for it."""


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
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=END_SECONDS)
    await runner.setup()
    host, port = settings.worker_metrics_host, settings.worker_metrics_port
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            said = f"Cannot listen on {host}:{port} (WORKER_METRICS_PORT): {error.strerror or error}."
            raise SettingsError(said) from None
        name, number = runner.addresses[0][:2]
        url = f"http://[{name}]:{number}" if ":" in name else f"http://{name}:{number}"
        log.info("figures on %s/metrics", url)
        yield url
    finally:
        await runner.cleanup()
