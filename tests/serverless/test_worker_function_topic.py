"""The worker as a Lambda function that tells a topic."""

from dataclasses import replace

from service.settings import Settings
from tests.backstage import Backstage
from tests.bad_pictures import ONLY_DECODING_TELLS
from tests.driver import Client
from tests.faults.proxy import proxy_to, through
from tests.functions import WORKER, function
from tests.serverless.event_source import EventSource, status_of, upload
from tests.subscribers import topic_of


async def test_final_statuses_are_told(
    client: Client, settings: Settings, source: EventSource, backstage: Backstage
) -> None:
    """Within the invocation. What SNS did not take then comes again, when all images have their status."""
    bad = ONLY_DECODING_TELLS["png_pixels_cut"]
    async with proxy_to(str(settings.endpoint_sns)) as proxy, topic_of(settings) as subscribed:
        subscriber = await subscribed.subscribe()
        async with function(WORKER, replace(through(settings, proxy, ("sns",)), topic=subscribed.arn)) as worker:
            paths = [await upload(client), await upload(client, bad.data, bad.content_type)]
            assert await source.deliver(worker, await source.wait_for(2)) == []
            told = [(path.rpartition("/")[2], await status_of(client, path)) for path in paths]
            assert await subscriber.statuses() == sorted(told)
            with proxy.breaking("sns Publish", "internal_error"):
                path = await upload(client)
                records = await source.wait_for(1)
                assert await source.deliver(worker, records) == [0]
            assert await status_of(client, path) == "ready"
            assert await source.receive() == [], "it does not come before its time"
        async with function(WORKER, replace(settings, topic=subscribed.arn)) as worker:
            assert await source.deliver(worker, records) == []
        assert await subscriber.statuses() == [(path.rpartition("/")[2], "ready")]
    assert await backstage.dead_letters() == []
