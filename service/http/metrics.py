"""What Prometheus is told of this service: figures that add up over all its processes, whichever of them is asked.

Not loaded on Lambda, where each container would know only of itself: the library takes some 30 ms to import.
"""

import asyncio
import time

import prometheus_client
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from service.errors import ServiceError, Unavailable
from service.http.levels import Levels
from service.http.problems import STATUSES, Handler, problems
from service.http.uploads import post_image

PATH = "/metrics"
API = "/v1/"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""From a small picture in one network with S3 to a large one over a telephone."""

TROUBLES = (
    *(("unavailable", f"{part}_unavailable") for part in ("s3", "sqs", "dynamodb", "spool")),
    ("failed", "internal_error"),
)
"""Counted from zero: a rise from nothing to one would be none to Prometheus."""

# How old a counter is: one more line for each figure, which the mode of several processes does not have anyway.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Counts what one application does."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._uploads = Counter(
            "cloud_images_uploads_total",
            "Uploads by verdict (accepted, refused, unavailable, failed, abandoned) and the problem's code",
            ["verdict", "code"],
            registry=registry,
        )
        self._verdicts: dict[tuple[str, str], Counter] = {}
        self._accepted = self._uploads.labels("accepted", "")
        for trouble in TROUBLES:
            self._verdicts[trouble] = self._uploads.labels(*trouble)
        self._others = Counter(
            "cloud_images_other_requests_total",
            "Requests of the API that are no uploads, by route and class of status",
            ["route", "status"],
            registry=registry,
        )
        self._answers: dict[tuple[str, str, int], Counter] = {}
        self._bytes = Counter(
            "cloud_images_accepted_bytes_total", "Bytes of the bodies of accepted uploads", registry=registry
        )
        self._seconds = Histogram(
            "cloud_images_accept_seconds",
            "From an upload's headers to its receipt, its body's way included; without clients that wait for more",
            buckets=SECONDS,
            registry=registry,
        )
        self._under_way = Gauge(
            "cloud_images_requests_under_way",
            "Requests that are being answered",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._levels = Levels(registry)

    def watch(self, app: web.Application) -> None:
        """Count in `app` what becomes of requests, before errors become answers, and answer `GET /metrics` in it."""
        app.middlewares.insert(app.middlewares.index(problems) + 1, self._count)
        shown = self._registry
        if values.ValueClass is not values.MutexValue:
            # The library was imported for several processes, which keep their figures in files.
            MultiProcessCollector(shown := CollectorRegistry())  # type: ignore[no-untyped-call]
        shown.register(self._levels)
        tell = make_aiohttp_handler(shown)

        async def show(request: web.Request) -> web.StreamResponse:
            await self._levels.look(request.app)
            return await tell(request)

        app.router.add_get(PATH, show)
        app.cleanup_ctx.append(self._levels.sampling)

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == PATH:
            return await handler(request)
        self._under_way.inc()
        try:
            if request.match_info.handler is post_image:
                return await self._upload(request, handler)
            return await self._other(request, handler)
        finally:
            self._under_way.dec()

    async def _upload(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        begin = time.perf_counter()
        try:
            response = await handler(request)
        except ServiceError as error:
            self._verdict("unavailable" if isinstance(error, Unavailable) else "refused", error.code)
            raise
        except (ConnectionError, asyncio.CancelledError):
            self._verdict("abandoned", "")
            raise
        except Exception:
            self._verdict("failed", "internal_error")
            raise
        self._accepted.inc()
        self._bytes.inc(request.content.total_bytes)
        if "Preference-Applied" not in response.headers:
            self._seconds.observe(time.perf_counter() - begin)
        return response

    async def _other(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except (ServiceError, web.HTTPException) as error:
            self._answer(request, error.status if isinstance(error, web.HTTPException) else STATUSES[type(error)])
            raise
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            self._answer(request, 500)
            raise
        self._answer(request, response.status)
        return response

    def _answer(self, request: web.Request, status: int) -> None:
        resource = request.match_info.route.resource
        if resource is None or not resource.canonical.startswith(API):
            return
        known = (request.method, resource.canonical, status // 100)
        counter = self._answers.get(known)
        if counter is None:
            route, kind = f"{request.method} {resource.canonical}", f"{status // 100}xx"
            counter = self._answers[known] = self._others.labels(route, kind)
        counter.inc()

    def _verdict(self, verdict: str, code: str) -> None:
        counter = self._verdicts.get((verdict, code))
        if counter is None:
            counter = self._verdicts[verdict, code] = self._uploads.labels(verdict, code)
        counter.inc()


def count_as(place: int) -> None:
    """Count in the files of this place, of several processes: who takes the place of a dead one goes on with its files.

    Called before the first `Metrics`.
    """
    values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]


def forget(place: int) -> None:
    """The process there has died: what it had under way is over, what it has counted stays in the sums."""
    mark_process_dead(place)  # type: ignore[no-untyped-call]
