"""The worker as a Lambda function: real messages of the real queue, in events as an SQS event source makes them."""

import asyncio

from tests.backstage import Backstage, whole
from tests.bad_pictures import ONLY_DECODING_TELLS
from tests.direct import arrive, event, form_for, key_of, only_image, path_of
from tests.driver import Client
from tests.functions import Function
from tests.pictures import SOUND, jpeg_progressive
from tests.serverless.event_source import EventSource, status_of, upload

DATA = jpeg_progressive().data
ONE_OF_EACH = list({picture.content_type: picture for picture in SOUND}.values())


async def test_a_batch_of_good_messages(
    client: Client, source: EventSource, worker: Function, backstage: Backstage
) -> None:
    """No failures, and every image is ready when the invocation is over."""
    paths = [await upload(client, picture.data, picture.content_type) for picture in ONE_OF_EACH]
    assert await source.deliver(worker, await source.wait_for(len(paths))) == []
    assert {await status_of(client, path) for path in paths} == {"ready"}
    assert await backstage.messages() == 0
    kept = set().union(*(whole(path.rpartition("/")[2]) for path in paths))
    assert await backstage.keys_of(client.user) == kept


async def test_a_poison_message_fails_alone(
    client: Client, source: EventSource, worker: Function, backstage: Backstage
) -> None:
    """What nobody can read comes again, soon, and becomes a dead letter; its neighbours are done at once."""
    first, bad = await upload(client), ONLY_DECODING_TELLS["png_pixels_cut"]
    await backstage.send("no JSON")
    broken, last = await upload(client, bad.data, bad.content_type), await upload(client)
    records = await source.wait_for(4)
    poison = [record["body"] for record in records].index("no JSON")
    assert await source.deliver(worker, records) == [poison]
    assert await source.receive() == [], "it does not come before its time"
    loop = asyncio.get_running_loop()
    begin = loop.time()
    assert [await status_of(client, path) for path in (first, broken, last)] == ["ready", "rejected", "ready"]
    (again,) = await source.wait_for(1)
    assert loop.time() - begin < source.settings.visibility_seconds / 2
    assert again["attributes"]["ApproximateReceiveCount"] == "2"
    for count in (3, 4, 5):
        await source.give_back(again)
        (again,) = await source.wait_for(1)
        assert again["attributes"]["ApproximateReceiveCount"] == str(count)
    assert await source.deliver(worker, [again]) == [0]
    await source.drain(worker)
    assert await backstage.dead_letters() == ["no JSON"]


async def test_the_same_message_twice_in_a_batch(
    client: Client, source: EventSource, worker: Function, backstage: Backstage
) -> None:
    """As a record that comes twice, and as two messages of the same text."""
    path = await upload(client)
    (record,) = await source.wait_for(1)
    await backstage.send(record["body"])
    assert await source.deliver(worker, [record, record, *await source.wait_for(1)]) == []
    assert [image["links"]["self"] for image in (await client.get("/v1/images")).json["images"]] == [path]
    assert await backstage.keys_of(client.user) == whole(path.rpartition("/")[2])
    assert await backstage.messages() == 0


async def test_direct_uploads(client: Client, source: EventSource, worker: Function, backstage: Backstage) -> None:
    """S3's notification is one event, the message of the staged upload the next."""
    other = client.as_user(f"{client.user}-2")
    given, bad = await form_for(client), await form_for(other)
    await arrive(client, backstage, given, DATA)
    await arrive(other, backstage, bad, b"<html>")
    assert await source.deliver(worker, await source.wait_for(2)) == []
    assert [await status_of(client, path_of(given)), await status_of(other, path_of(bad))] == ["queued", "rejected"]
    await backstage.send(event(key_of(given)))
    assert await source.deliver(worker, await source.wait_for(2)) == []
    await only_image(client, backstage, given, DATA)
    assert await backstage.keys_of(other.user) == set()
