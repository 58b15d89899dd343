"""What a worker that stops gives back is a new message, of the same trace."""

import asyncio
from dataclasses import replace

from service import traces
from service.settings import Settings
from service.storage import open_storage
from service.storage.objects import VARIANTS
from tests.backstage import drain
from tests.driver import client_of
from tests.pictures import jpeg
from tests.traces.collector import Span, collecting
from worker.consumer import Consumer
from worker.decoder import Decoders, open_decoders
from worker.verdict import NotSound, Sound


class Stuck(Decoders):
    """Decoders that come to no end."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, VARIANTS)
        self.begun = asyncio.Event()

    async def decode(self, data: bytes, content_type: str, pixels: int = 0) -> Sound | NotSound:
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_it_stays_in_its_trace(settings: Settings) -> None:
    """The first delivery was cut off, the second came to its end; both are children of the sender."""
    async with collecting() as collector:
        traced = replace(settings, otlp_endpoint=collector.url, shutdown_seconds=0.0)
        async with (
            traces.exporting(traced, "both"),
            client_of(traced, "alice") as client,
            open_storage(traced) as storage,
            open_decoders(traced, VARIANTS) as decoders,
        ):
            image_id = (await client.upload(jpeg().data)).json["image_id"]
            stop, stuck = asyncio.Event(), Stuck(traced)
            worker = asyncio.create_task(Consumer(traced, storage, stuck, stop).run())
            await stuck.begun.wait()
            stop.set()
            await worker
            await drain(traced, storage, decoders)

            spans = await collector.about(image_id, "send message", "POST /v1/images")
            send = spans["send message"]

            def deliveries(spans: list[Span]) -> list[Span]:
                # Also S3's word that it will tell of direct uploads is a message.
                found = [one for one in spans if one.name == "process message" and one.trace == send.trace]
                return found if len(found) == 2 else []

            first, second = await collector.wait_for(deliveries)
    assert {first.parent, second.parent} == {send.id}
    assert (first.attributes["error.type"], second.attributes["cloud_images.status"]) == ("CancelledError", "ready")
