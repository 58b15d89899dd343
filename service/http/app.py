"""The application: its routes on one screen, its start-up and its shutdown."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from service import traces
from service.http.access import identified, request_id_of
from service.http.auth import AUTHENTICATOR, authenticate, authentication, make_authenticator
from service.http.body import known_expectations
from service.http.content import get_content
from service.http.cross_origin import open_to_pages
from service.http.direct_uploads import post_upload
from service.http.events import get_events
from service.http.gallery import get_file, get_page
from service.http.images import delete_image, get_image, list_images, patch_image
from service.http.keys import CLOSING, LIMITS, SETTINGS, SPOOL, STORAGE
from service.http.openapi import get_docs, get_openapi
from service.http.operations import LOOKS, healthz, looks, readyz
from service.http.problems import problems
from service.http.rate_limit import limit_rates
from service.http.safety import make_safe
from service.http.tracing import traced
from service.http.uploads import post_image
from service.http.usage import get_usage
from service.http.watch import WATCH, Watch
from service.intake.spool import Spool
from service.intake.structure import Limits
from service.settings import Settings
from service.storage import open_storage


def make_app(settings: Settings) -> web.Application:
    """The application; it opens its storage when it starts and closes it when it ends.

    `GET /metrics` is added by `service.http.metrics`, where there is one service to tell of.

    :raises SettingsError: the settings that AUTH_MODE needs are missing, or cannot be used.
    """
    app = web.Application(middlewares=[identified, problems, known_expectations])
    if traces.are_on():
        app.middlewares.insert(1, traced)
    app[SETTINGS] = settings
    app[AUTHENTICATOR] = make_authenticator(settings)
    open_to_pages(app)
    app.middlewares.append(authenticate)
    app[LOOKS] = looks()
    app[LIMITS] = Limits(settings.max_pixels, settings.max_side, settings.max_frames)
    app[SPOOL] = Spool(settings.spool_memory, settings.spool_dir)
    later: Any = {"expect_handler": _not_yet}
    app.add_routes(
        [
            web.post("/v1/images", post_image, **later),
            web.get("/v1/images", list_images, **later),
            web.get("/v1/images/{image_id}", get_image, **later),
            web.patch("/v1/images/{image_id}", patch_image, **later),
            web.delete("/v1/images/{image_id}", delete_image, **later),
            web.get("/v1/images/{image_id}/content", get_content, **later),
            web.get("/v1/images/{image_id}/events", get_events, **later),
            web.post("/v1/uploads", post_upload, **later),
            web.get("/v1/usage", get_usage, **later),
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/openapi.json", get_openapi),
            web.get("/docs", get_docs),
            web.get("/", get_page),
            web.get("/gallery/{version}/{name}", get_file),
        ]
    )
    app.cleanup_ctx.extend([authentication, _storage])
    app.on_response_prepare.append(_finish_headers)
    limit_rates(app, settings)
    return app


async def _storage(app: web.Application) -> AsyncIterator[None]:
    app[CLOSING] = asyncio.Event()
    async with open_storage(app[SETTINGS]) as storage:
        app[STORAGE] = storage
        app[WATCH] = Watch(storage.catalog, app[CLOSING])
        yield


async def _not_yet(request: web.Request) -> None:
    """`100 Continue` is sent when the body is first read: the headers have been found good by then."""


async def _finish_headers(request: web.Request, response: web.StreamResponse) -> None:
    make_safe(response.headers)
    if request_id := request_id_of(request):
        response.headers["X-Request-Id"] = request_id
    if request.app[CLOSING].is_set():
        response.force_close()
        # aiohttp has decided on this header before it comes here; without it the client would use the connection again.
        response.headers["Connection"] = "close"
