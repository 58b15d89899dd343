"""A collector of traces: OTLP over HTTP, as `service` and `worker` send it, read with OpenTelemetry's own schema."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.backstage import until

Value = str | int | float | bool


@dataclass(frozen=True)
class Span:
    """A span that has arrived; ids in hex, a root's `parent` is empty."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: dict[str, Value]
    failed: bool
    said: str
    state: str
    seconds: float


@dataclass
class Collector:
    """What has arrived, and how the next requests are answered."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    requests: int = 0
    raw: bytes = b""
    status: int = 200
    hanging: asyncio.Event | None = None

    def of(self, trace: str) -> dict[str, Span]:
        """The spans of a trace by name; of several, the last."""
        return {span.name: span for span in self.spans if span.trace == trace}

    async def wait_for(self, wanted: Callable[[list[Span]], list[Span]]) -> list[Span]:
        """Wait until some of the spans are wanted."""

        async def found() -> list[Span]:
            return wanted(self.spans)

        spans: list[Span] = await until(found)
        return spans

    async def about(self, image_id: str, *names: str) -> dict[str, Span]:
        """The spans of the trace of an image, as soon as there are some of all these names."""

        def all_there(spans: list[Span]) -> list[Span]:
            traces = {span.trace for span in spans if span.attributes.get("cloud_images.image_id") == image_id}
            found = [span for span in spans if span.trace in traces]
            return found if set(names) <= {span.name for span in found} else []

        return {span.name: span for span in await self.wait_for(all_there)}

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests += 1
        if self.hanging:
            await self.hanging.wait()
        if self.status == 200:
            if request.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            self.raw += body
            self.spans += _read(body)
        return web.Response(status=self.status)


def _read(body: bytes) -> list[Span]:
    sent = ExportTraceServiceRequest()
    sent.ParseFromString(body)
    spans = []
    for group in sent.resource_spans:
        service = {one.key: one.value.string_value for one in group.resource.attributes}["service.name"]
        for one in (one for scope in group.scope_spans for one in scope.spans):
            assert not one.events, "an event can have the words of an error in it"
            spans.append(
                Span(
                    service=service,
                    name=one.name,
                    kind=one.SpanKind.Name(one.kind).removeprefix("SPAN_KIND_").lower(),
                    trace=one.trace_id.hex(),
                    id=one.span_id.hex(),
                    parent=one.parent_span_id.hex(),
                    links=tuple(link.span_id.hex() for link in one.links),
                    attributes={
                        part.key: getattr(part.value, part.value.WhichOneof("value")) for part in one.attributes
                    },
                    failed=one.status.code == one.status.STATUS_CODE_ERROR,
                    said=one.status.message,
                    state=one.trace_state,
                    seconds=(one.end_time_unix_nano - one.start_time_unix_nano) / 1e9,
                )
            )
    return spans


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector on a free port."""
    made = Collector()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/traces", made._take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield made
    finally:
        if made.hanging:
            made.hanging.set()
        await runner.cleanup()
