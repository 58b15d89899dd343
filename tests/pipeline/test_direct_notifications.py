"""S3's notifications come at least once, late, and of more than direct uploads: none is lost, none does harm."""

import asyncio
import json

from service.images import new_image_id
from tests.backstage import until
from tests.direct import arrive, at_rest, event, form_for, key_of, path_of
from tests.pictures import jpeg_grayscale
from tests.stage import Stage

FIRST, NO_PICTURE = jpeg_grayscale().data, b"<html><script>alert(1)</script></html>"


async def test_a_notification_comes_again(stage: Stage) -> None:
    """At once, while the image is queued, when it is ready, and when it is long deleted."""
    again = event(key_of(stage.given), key_of(stage.given))
    await stage.arrive(FIRST)
    await stage.backstage.send(again, again)
    await stage.admit()
    await stage.backstage.send(again)
    await stage.drain()
    await stage.is_only(FIRST)
    await stage.backstage.send(again)
    await stage.drain()
    await stage.is_only(FIRST)
    await stage.delete()
    await stage.backstage.send(again)
    await stage.drain()
    await stage.is_gone()


async def test_a_notification_of_several_files(stage: Stage) -> None:
    """Some are there and some are not; of the sound one comes an image, of the other a rejection."""
    bad, never = [await form_for(stage.client) for _ in range(2)]
    await stage.arrive(FIRST)
    await arrive(stage.client, stage.backstage, bad, NO_PICTURE)
    await _without_messages(stage)
    await stage.backstage.send(event(*map(key_of, (never, bad, stage.given, never, stage.given))))
    await stage.drain()
    statuses = [(await stage.client.get(path_of(one))).json["status"] for one in (stage.given, bad, never)]
    assert statuses == ["ready", "rejected", 404]
    await at_rest(stage.backstage)


async def _without_messages(stage: Stage) -> None:
    url = (await stage.backstage.sqs.get_queue_url(QueueName=stage.settings.queue))["QueueUrl"]
    await stage.backstage.sqs.purge_queue(QueueUrl=url)

    async def empty() -> bool:
        return await stage.backstage.messages() == 0

    await until(empty)


ID = new_image_id()
ODD_KEYS = (
    *("direct/", "direct//", f"direct/{ID}", f"direct//{ID}", f"direct/./{ID}", f"direct/../{ID}", f"/direct/a/{ID}"),
    *(f"direct/a/{ID}/x", f"direct/a/{ID.upper()}", f"direct/a/{ID}\n", f"direct/a\0/{ID}", f"direct/a\n/{ID}"),
    *(f"direct/idempotency#a/{ID}", f"direct/ü/{ID}", f"direct/.a/{ID}", f"direct/{'a' * 129}/{ID}", "direct/a/../b"),
    *(f"incoming/a/{ID}", f"images/a/{ID}/original", "", "%", "holiday.jpg", f"direct/a b/{ID}", f"direct/%2e/{ID}"),
)


async def test_notifications_that_concern_nobody(stage: Stage) -> None:
    """S3's own test, removals, other buckets and other keys: they go without a trace, and nobody waits for them."""
    await stage.arrive(FIRST)
    await _without_messages(stage)
    test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-01-31T12:00:00Z", "Bucket": "image-bucket"}
    others = [event(key, bucket="another") for key in (f"direct/{stage.client.user}/{ID}", "photo.jpg")]
    removed = [event(key_of(stage.given), name=f"ObjectRemoved:{kind}") for kind in ("Delete", "DeleteMarkerCreated")]
    restored = event(key_of(stage.given), name="ObjectRestore:Completed")
    bad_escapes = event("direct/a/b").replace("direct/a/b", f"direct/%FF%zz/{ID}")
    await stage.backstage.send(json.dumps(test), *removed, restored, bad_escapes, *others, *map(event, ODD_KEYS))
    async with asyncio.timeout(60):
        await stage.drain()
    await at_rest(stage.backstage)
    assert (await stage.client.get(path_of(stage.given))).json["status"] == "queued"
    await stage.backstage.send(event(key_of(stage.given), *ODD_KEYS))
    await stage.drain()
    await stage.is_only(FIRST)


async def test_notifications_that_make_no_sense(stage: Stage) -> None:
    """Dead letters, as all messages that nobody can read; the next one is not held up."""
    whole = json.loads(event(key_of(stage.given)))
    bad = [
        *('{"Records": []}', '{"Records": 5}', '{"Records": [5]}', '{"Event": "s3:TestEvent2"}'),
        json.dumps({"Records": [whole["Records"][0] | {"eventSource": "aws:sns"}]}),
        json.dumps({"Records": [whole["Records"][0] | {"eventName": 5}]}),
        json.dumps({"Records": [whole["Records"][0] | {"s3": {"object": {}}}]}),
        json.dumps({"Records": [whole["Records"][0] | {"s3": {"object": {"key": None}}}]}),
    ]
    await stage.backstage.send(*bad)
    await stage.arrive(FIRST)
    await stage.drain()
    assert sorted(await stage.backstage.dead_letters()) == sorted(bad)
    await stage.is_only(FIRST)
