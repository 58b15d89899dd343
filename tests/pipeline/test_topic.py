"""Each final status is told to the topic, when the catalog says so and before its message goes."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from service.errors import Unavailable
from service.images import Receipt, Status
from service.settings import Settings
from service.storage import Storage, open_storage, topic
from service.storage.messages import Delivery
from tests.api.records import FIELDS, now_id, record, settle
from tests.backstage import Backstage, backstage_of, drain, final, until, working
from tests.bad_pictures import ONLY_DECODING_TELLS
from tests.conftest import settings_at
from tests.direct import form_for, post
from tests.driver import Client
from tests.faults.proxy import Proxy, proxy_to, through
from tests.faults.stories import new_user
from tests.meddling import Killed, killed_at, meddled
from tests.pictures import TINY
from tests.subscribers import Subscribed, Subscriber, topic_of
from tests.sweeping import Yard, receipt_of, yard_at
from worker import deliveries
from worker.decoder import Decoders
from worker.deliveries import Deliveries
from worker.redrive import redrive
from worker.sweep.report import Kind
from worker.sweep.stages import sweep_once
from worker.sweep.sweep import MOST_FAILURES
from worker.sweep.waiting import MOST_RESENDS

PNG = TINY["image/png"]
MORE = {"v", "id", "user_id"}
LESS = {"links", "direct_upload_from"}


@dataclass(frozen=True)
class Place:
    """A worker's settings with a topic, a proxy before SNS, and one who has subscribed."""

    settings: Settings
    storage: Storage
    topic: Subscribed
    subscriber: Subscriber
    proxy: Proxy
    backstage: Backstage


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Place]:
    async with AsyncExitStack() as opened:
        proxy = await opened.enter_async_context(proxy_to(str(settings.endpoint_sns)))
        subscribed = await opened.enter_async_context(topic_of(settings))
        ours = replace(through(settings, proxy, ("sns",)), topic=subscribed.arn)
        storage = await opened.enter_async_context(open_storage(ours))
        backstage = await opened.enter_async_context(backstage_of(ours))
        yield Place(ours, storage, subscribed, await subscribed.subscribe(), proxy, backstage)


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages come again as soon as a test can wait for, and SNS is asked again as soon."""
    monkeypatch.setattr(deliveries, "FIRST_TELL_SECONDS", 0)
    monkeypatch.setattr(topic, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(topic, "LONGEST_PAUSE", 0.05)


async def uploaded(client: Client, data: bytes = PNG.data, content_type: str = "image/png", **words: str) -> str:
    query = "&".join(f"{name}={text}" for name, text in words.items())
    answer = await client.upload(data, content_type, path=f"/v1/images?{query}")
    assert answer.status == 202
    return str(answer.json["image_id"])


async def test_what_is_said(client: Client, place: Place, decoders: Decoders) -> None:
    """All that the record says, once; with attributes to filter by, and to each subscriber in its way."""
    enveloped = await place.topic.subscribe(raw=False)
    rejections = await place.topic.subscribe(policy={"status": ["rejected", "failed"]})
    broken = ONLY_DECODING_TELLS["png_pixels_cut"]
    good = await uploaded(client, title="R%C3%B6cket%EF%BF%BF", tags="sea,sky")
    bad = await uploaded(client, broken.data, broken.content_type)
    await drain(place.settings, place.storage, decoders)
    told = {one["said"]["image_id"]: one for one in await place.subscriber.heard()}
    assert set(told) == {good, bad}
    for image_id, one in told.items():
        said, shown = one["said"], (await client.get(f"/v1/images/{image_id}")).json
        assert set(said) == (FIELDS - LESS) | MORE
        assert (said["v"], said["id"]) == (1, f"{image_id}:{shown['status']}:1")
        assert said["user_id"] == client.user
        for name in FIELDS - LESS - {"variants"}:
            assert said[name] == shown[name], name
        sizes = ("width", "height", "size")
        variants = {name: {side: one[side] for side in sizes} for name, one in shown["variants"].items()}
        assert said["variants"] == variants
        attributes = {name: value["StringValue"] for name, value in one["MessageAttributes"].items()}
        assert attributes == {"status": said["status"], "user_id": client.user, "content_type": said["content_type"]}
    assert told[bad]["said"]["reason"]["code"] == "corrupt_image"
    again = {one["said"]["image_id"]: one for one in await enveloped.heard()}
    assert {name: one["said"] for name, one in again.items()} == {name: one["said"] for name, one in told.items()}
    envelope = again[good]["envelope"]
    assert (envelope["Type"], envelope["TopicArn"]) == ("Notification", place.topic.arn)
    assert envelope["Subject"] == f"Image {good} is ready"
    assert await rejections.statuses() == [(bad, "rejected")]
    assert await place.subscriber.heard() == []


async def test_a_direct_upload(client: Client, place: Place, decoders: Decoders) -> None:
    """Is told once, when it is ready; and one that is refused as it arrives, too."""
    ids = []
    for data in (PNG.data, b"no image at all"):
        given = await form_for(client, content_type="image/png")
        assert await post(client, given, data) is None
        ids.append(given["image_id"])

    async def all_told() -> bool:
        await drain(place.settings, place.storage, decoders)
        heard.extend(await place.subscriber.statuses())
        return len(heard) == 2

    heard: list[tuple[str, str]] = []
    await until(all_told)
    assert sorted(heard) == sorted(zip(ids, ("ready", "rejected"), strict=True))


async def test_who_deletes_is_not_told_so(client: Client, place: Place, decoders: Decoders) -> None:
    """A deletion is its owner's own act; what comes of the upload later is none of anybody's business."""
    image_id = await uploaded(client)
    assert (await client.ask("DELETE", f"/v1/images/{image_id}")).status == 204
    await drain(place.settings, place.storage, decoders)
    assert await place.subscriber.heard() == []


async def test_in_order(client: Client, settings: Settings, decoders: Decoders) -> None:
    """To a FIFO topic, by user, and each status once even if it is told twice."""
    async with topic_of(settings, fifo=True) as subscribed:
        ours = replace(settings, topic=subscribed.arn)
        subscriber = await subscribed.subscribe()
        async with open_storage(ours) as storage:
            image_id = await uploaded(client)
            await drain(ours, storage, decoders)
            known = await storage.catalog.get(client.user, image_id)
            assert known
            await storage.topic.publish(known)  # type: ignore[arg-type]
        assert await subscriber.statuses() == [(image_id, "ready")]
    given = topic.message("arn:aws:sns:us-east-1:000000000000:t.fifo", record("alice", image_id))
    assert (given["MessageGroupId"], given["MessageDeduplicationId"]) == ("alice", f"{image_id}:ready:1")


@pytest.mark.parametrize("moment", ["before_telling", "before_deleting"])
async def test_the_worker_dies(moment: str, client: Client, place: Place, decoders: Decoders) -> None:
    """After the record and before the message is gone: it is told by the next delivery, again if it must be."""
    image_id = await uploaded(client)

    async def before(name: str, args: tuple[Any, ...]) -> None:
        if moment == "before_telling" and name == "publish":
            raise Killed

    others: list[Delivery] = []

    async def received() -> Delivery | None:
        others.extend(await place.storage.queue.receive(10, 1))
        return next((one for one in others if image_id in one.body), None)

    delivery = await until(received)
    handling = Deliveries(place.settings, meddled(place.storage, before), decoders, asyncio.Event())
    if moment == "before_telling":
        with pytest.raises(Killed):
            await handling.handle(delivery)
    else:
        assert await handling.handle(delivery) is None
    assert (await final(client, image_id))["status"] == "ready"
    assert len(await place.subscriber.heard()) == (moment == "before_deleting")
    await place.storage.queue.hide(others, 0)
    await drain(place.settings, place.storage, decoders)
    (again,) = await place.subscriber.heard()
    assert again["said"]["id"] == f"{image_id}:ready:1"


@pytest.mark.parametrize("kind", ["reset", "internal_error", "throttling", "nothing", "log_in", "redirect", "null"])
async def test_sns_is_away(kind: str, client: Client, place: Place, decoders: Decoders, brisk: None) -> None:
    """The image is ready all the same, at its first delivery; and it is told when SNS is back."""
    user = client.as_user(new_user())
    with place.proxy.breaking("sns Publish", kind) as rule:
        image_id = await uploaded(user)
        async with working(place.settings, place.storage, decoders):
            assert (await final(user, image_id))["version"] == 1

            async def met() -> bool:
                return rule.met >= 2

            await until(met)
            assert await place.subscriber.heard() == []
            rule.over = True
            heard: list[tuple[str, str]] = []

            async def told() -> bool:
                heard.extend(await place.subscriber.statuses())
                return bool(heard)

            await until(told)
    assert set(heard) == {(image_id, "ready")}
    assert not place.proxy.trapped
    assert (await user.get(f"/v1/images/{image_id}")).json["version"] == 1
    assert await place.backstage.dead_letters() == []


async def test_no_topic_at_all(
    client: Client, place: Place, decoders: Decoders, brisk: None, caplog: pytest.LogCaptureFixture
) -> None:
    """All images get their status; the log says what is wrong, and that nobody is told. When it is mended they are."""
    await place.topic.sns.delete_topic(TopicArn=place.topic.arn)
    ids = [await uploaded(client) for _ in range(3)]
    broken = await uploaded(client)
    await place.backstage.put_staged(client.user, broken, b"other bytes")
    with caplog.at_level(logging.ERROR):
        await drain(place.settings, place.storage, decoders)
    assert {(await final(client, image_id))["status"] for image_id in ids} == {"ready"}
    assert (await final(client, broken))["status"] == "failed"
    assert place.topic.arn in caplog.text
    for image_id in (*ids, broken):
        assert len(re.findall(f"nobody is told of the status of image {image_id}", caplog.text)) == 1
    with pytest.raises(Unavailable, match="sns_unavailable"):
        await place.storage.topic.check()
    await place.topic.sns.create_topic(Name=place.topic.arn.rpartition(":")[2])
    heard = await place.topic.subscribe()
    assert (await redrive(place.storage)).moved == 4
    await drain(place.settings, place.storage, decoders)
    assert set(await heard.statuses()) == {*((one, "ready") for one in ids), (broken, "failed")}
    assert (await final(client, ids[0]))["version"] == 1
    (left,) = await place.backstage.dead_letters()
    assert broken in left


async def test_it_can_be_checked(place: Place) -> None:
    await place.storage.topic.check()


async def test_sns_hangs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes after the first that waited in vain does not wait; now and then one tries, and only one."""
    told, now = record(new_user()), 1000.0
    await place.storage.topic.check()  # so that its client is made, which takes a while
    monkeypatch.setattr(topic, "time", SimpleNamespace(monotonic=lambda: now))
    with place.proxy.breaking("sns Publish", "hang") as rule, monkeypatch.context() as patch:
        patch.setattr("service.storage.aws.CALL_SECONDS", 1.0)
        for _ in range(20):
            with pytest.raises(Unavailable):
                await place.storage.topic.publish(told)
        assert rule.met == 1
        now += topic.FIRST_PAUSE
        tries = [asyncio.create_task(place.storage.topic.publish(told)) for _ in range(10)]
        assert all(isinstance(one, Unavailable) for one in await asyncio.gather(*tries, return_exceptions=True))
        assert rule.met == 2
    with pytest.raises(Unavailable):
        await place.storage.topic.publish(told)
    now += 2 * topic.FIRST_PAUSE
    await place.storage.topic.publish(told)


async def test_a_failure_of_the_last_delivery(client: Client, place: Place, decoders: Decoders) -> None:
    """Its record says failed, and so does the topic; a redriven one that becomes ready is told anew."""
    image_id = await uploaded(client)
    await place.backstage.put_staged(client.user, image_id, b"other bytes")
    await drain(place.settings, place.storage, decoders)
    (heard,) = await place.subscriber.heard()
    assert (heard["said"]["id"], heard["said"]["reason"]["code"]) == (f"{image_id}:failed:1", "staged_bytes_differ")
    await place.backstage.put_staged(client.user, image_id, PNG.data)
    await place.backstage.send(*await place.backstage.dead_letters())
    await drain(place.settings, place.storage, decoders)
    (heard,) = await place.subscriber.heard()
    assert heard["said"]["id"] == f"{image_id}:ready:2"


async def _without_bytes(place: Place | Yard) -> tuple[str, str]:
    """A record whose original is gone; there are others whose bytes are there, else the bucket is taken for lost."""
    user, image_id = new_user(), now_id()
    sound = [record(user, sha256="1" * 64) for _ in range(2)]
    await settle(place.storage, *sound, record(user, image_id))
    for one in sound:
        for name in ("original", "thumb"):
            await place.storage.objects.put_image(one.receipt, name, "image/jpeg", b"x")
    return user, image_id


async def _without_worker(place: Place | Yard) -> tuple[str, str]:
    """An upload whose message was sent again as often as it is, and nothing came of it."""
    receipt = receipt_of(new_user())
    await place.storage.objects.put_staged(receipt, [b"?"])
    key = f"incoming/{receipt.user_id}/{receipt.image_id}"
    await place.storage.resends.note(receipt.user_id, key, MOST_RESENDS)
    # What S3 says to try the queue.
    await place.backstage.sqs.purge_queue(QueueUrl=await place.storage.queue.url())
    return receipt.user_id, receipt.image_id


FAILURES = [(_without_bytes, "bytes_missing"), (_without_worker, "never_processed")]


@pytest.mark.parametrize(("left", "code"), FAILURES, ids=[code for _, code in FAILURES])
@pytest.mark.parametrize("trouble", ["none", "away", "killed", "without_topic"])
async def test_a_failure_that_a_sweep_finds(
    left: Callable[[Place | Yard], Awaitable[tuple[str, str]]], code: str, trouble: str, place: Place, brisk: None
) -> None:
    """It is told at least once: by that sweep, or by a later one when SNS was away, or the sweep has died."""
    user, image_id = await left(place)

    async def heard() -> list[str]:
        came = [one["said"] for one in await place.subscriber.heard()]
        return [one["reason"]["code"] for one in came if one["image_id"] == image_id]

    async def before(name: str, args: tuple[Any, ...]) -> None:
        if name == "publish":
            raise Killed

    if trouble == "away":
        with place.proxy.breaking("sns Publish", "internal_error"):
            report = await sweep_once(place.storage, 0, force=True)
        assert report.broken_off is None
    elif trouble == "killed":
        with pytest.raises(Killed):
            await sweep_once(meddled(place.storage, before), 0, force=True)
    elif trouble == "without_topic":
        async with open_storage(replace(place.settings, topic=None)) as storage:
            await sweep_once(storage, 0, force=True)
    else:
        await sweep_once(place.storage, 0, force=True)
    known = await place.storage.catalog.get(user, image_id)
    assert getattr(known, "status", None) is Status.FAILED
    assert await heard() == ([code] if trouble == "none" else [])
    if trouble != "none":
        report = await sweep_once(place.storage, 0, dry_run=True, force=True)
        assert (report.found[Kind.NEVER_TOLD], report.repaired[Kind.NEVER_TOLD], await heard()) == (1, 0, [])
        report = await sweep_once(place.storage, 0, force=True)
        assert (report.repaired[Kind.NEVER_TOLD], await heard()) == (1, [code])
    report = await sweep_once(place.storage, 0, force=True)
    assert (report.found[Kind.NEVER_TOLD], await heard()) == (0, [])


@pytest.mark.parametrize(("left", "code"), FAILURES, ids=[code for _, code in FAILURES])
async def test_a_sweep_that_dies_anywhere(
    left: Callable[[Place | Yard], Awaitable[tuple[str, str]]], code: str, endpoint: str, decoders: Decoders
) -> None:
    """At its first call, and the next one at its second, and so on: in the end somebody has been told."""
    async with topic_of(settings_at(endpoint)) as topic, yard_at(endpoint, decoders, topic=topic.arn) as yard:
        subscriber = await topic.subscribe()
        _, image_id = await left(yard)
        for call in range(1, 200):
            try:
                await sweep_once(meddled(yard.storage, killed_at(call)), 0, force=True)
                break
            except Killed:
                pass
        assert 5 < call < 199
        assert set(await subscriber.statuses()) == {(image_id, "failed")}
        assert (await yard.sweep(force=True)).found[Kind.NEVER_TOLD] == 0


async def test_who_is_told_costs_no_sweep_anything(place: Place, brisk: None) -> None:
    """However many failures there are: a sweep asks for none of which everybody was told."""
    asked: list[str] = []

    async def before(name: str, args: tuple[Any, ...]) -> None:
        asked.append(name)

    for left, _ in FAILURES:
        await left(place)
    for told in (2, 0):
        asked.clear()
        await sweep_once(meddled(place.storage, before), 0, force=True)
        assert (asked.count("publish"), asked.count("strike"), asked.count("is_noted")) == (told, told, 0)


@pytest.mark.parametrize("became", ["ready", "deleted", "nothing"])
async def test_a_failure_that_came_to_nothing(became: str, place: Place) -> None:
    """It was noted, and then somebody else went first: nobody is told of it."""
    user, image_id = new_user(), now_id()
    await place.storage.debts.note(user, image_id)
    if became != "nothing":
        await settle(place.storage, record(user, image_id))
    if became == "deleted":
        await place.storage.catalog.delete(user, image_id)
    report = await sweep_once(place.storage, 3600)
    assert (report.found[Kind.NEVER_TOLD], await place.subscriber.heard()) == (0, [])
    assert await place.storage.debts.is_noted(user, image_id)
    # A record without bytes would be a failure to the next sweep.
    await place.storage.catalog.delete(user, image_id)


async def test_a_topic_that_is_gone_breaks_no_sweep_off(place: Place, brisk: None) -> None:
    """However many failures nobody can be told of."""
    for _ in range(MOST_FAILURES + 2):
        await _without_bytes(place)
    await place.topic.sns.delete_topic(TopicArn=place.topic.arn)
    for _ in range(2):
        report = await sweep_once(place.storage, 0, force=True)
        assert report.broken_off is None
    assert report.found[Kind.NEVER_TOLD] == MOST_FAILURES + 2
    assert report.left_over >= MOST_FAILURES + 2


def test_the_longest_message_fits() -> None:
    """SNS takes 256 KB: https://docs.aws.amazon.com/general/latest/gr/sns.html"""
    receipt = replace(record("u" * 128).receipt, title="\U0001f600" * 200, filename="\U0001f600" * 63)
    assert isinstance(receipt, Receipt)
    given = topic.message("arn:aws:sns:us-east-1:000000000000:t", replace(record("u"), receipt=receipt))
    assert len(given["Message"].encode()) < 10_000
    assert given["Message"].isascii()
    assert json.loads(given["Message"])["title"] == receipt.title
    assert len(given["Subject"]) < 100
