"""Each call to AWS that the worker makes, broken in each way: the image is made in the end, once, by the same worker.

Those who have subscribed to the topic hear of it in the end. Which calls there are is seen in a run without faults; a
new one is a new row.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest
from botocore.retries.standard import ExponentialBackoff

from service.settings import Settings
from service.storage import aws, open_storage, sqs, topic
from service.storage.provision import provision
from tests.backstage import Backstage, backstage_of, final, until, whole, working
from tests.conftest import settings_at
from tests.direct import form_for, post
from tests.driver import Client, client_of
from tests.faults.kinds import MECHANISMS
from tests.faults.proxy import Proxy, Rule, proxy_to, through
from tests.faults.stories import new_user
from tests.pictures import jpeg_progressive
from tests.subscribers import Subscriber, topic_of
from worker import consumer, deliveries
from worker.decoder import Decoders

CALL_SECONDS = 3.0
SHORT_PAUSE_SECONDS = 0.05
VISIBILITY_SECONDS = 2
MANY_DELIVERIES = 1000
"""More than these tests take, so that nothing becomes a dead letter."""
EACH_TIME = 3
"""One in how many of the rows is tried in the default run; with EVERY_FAULT all are."""
ENOUGH = 2
"""How often a call is broken before the fault ends."""
DATA = jpeg_progressive().data


NOT_TOLD = {("s3 GetObject direct", "truncated")}
"""Of what a client posts straight to S3 only S3 knows the size: who believes a shorter one finds a broken image."""

Row = TypeVar("Row")


def in_turn(rows: list[Row], turn: int) -> list[Row]:
    """The rows of this turn."""
    return rows if os.environ.get("EVERY_FAULT") else rows[turn % EACH_TIME :: EACH_TIME]


@dataclass(frozen=True)
class Shop:
    """A proxy for workers, and a service that has no faults."""

    settings: Settings
    proxy: Proxy
    client: Client
    backstage: Backstage
    subscriber: Subscriber
    heard: list[tuple[str, str]]

    async def was_told(self, image_id: str) -> bool:
        """Whether the topic has been told that an image is ready."""
        self.heard.extend(await self.subscriber.statuses())
        return (image_id, "ready") in self.heard


@pytest.fixture(scope="module", autouse=True)
def brisk() -> Iterator[None]:
    """Time limits and pauses that a test can wait for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws, "CALL_SECONDS", CALL_SECONDS)
        patch.setattr(sqs, "LONGEST_PAUSE_SECONDS", SHORT_PAUSE_SECONDS)
        patch.setattr(ExponentialBackoff, "delay_amount", lambda *_: SHORT_PAUSE_SECONDS)
        patch.setattr(consumer, "PAUSE_SECONDS", SHORT_PAUSE_SECONDS)
        patch.setattr(consumer, "HEARTBEAT_SECONDS", SHORT_PAUSE_SECONDS)
        patch.setattr(deliveries, "PAUSE_SECONDS", SHORT_PAUSE_SECONDS)
        patch.setattr(deliveries, "LONGEST_PAUSE_SECONDS", SHORT_PAUSE_SECONDS)
        patch.setattr(deliveries, "FIRST_TELL_SECONDS", 0)
        patch.setattr(topic, "FIRST_PAUSE", SHORT_PAUSE_SECONDS)
        patch.setattr(topic, "LONGEST_PAUSE", SHORT_PAUSE_SECONDS)
        yield


@asynccontextmanager
async def shop_of(endpoint: str) -> AsyncIterator[Shop]:
    """With a queue of its own."""
    settings = settings_at(endpoint, max_deliveries=MANY_DELIVERIES, visibility_seconds=VISIBILITY_SECONDS)
    settings = replace(settings, worker_concurrency=64)
    await provision(settings)
    async with (
        proxy_to(endpoint) as proxy,
        topic_of(settings) as subscribed,
        client_of(settings, "-") as client,
        backstage_of(settings) as backstage,
    ):
        subscriber = await subscribed.subscribe()
        yield Shop(replace(settings, topic=subscribed.arn), proxy, client, backstage, subscriber, [])


@asynccontextmanager
async def worker_of(shop: Shop, decoders: Decoders) -> AsyncIterator[None]:
    """A worker of its own, as long as the context."""
    async with open_storage(through(shop.settings, shop.proxy)) as storage, working(shop.settings, storage, decoders):
        yield


def met_by(rule: Rule, enough: int = ENOUGH) -> Callable[[], Awaitable[bool]]:
    """Whether the worker has met the fault that often, or once and gets on all the same."""
    loop = asyncio.get_running_loop()
    first: list[float] = []

    async def met() -> bool:
        if rule.met:
            first.append(loop.time())
        return rule.met >= enough or (rule.met > 0 and loop.time() > first[0] + CALL_SECONDS + 1)

    return met


async def upload(client: Client, direct: bool) -> str:
    """Upload a picture; returns its id."""
    if not direct:
        answer = await client.upload(DATA)
        assert answer.status == 202, answer
        return str(answer.json["image_id"])
    given = await form_for(client)
    assert await post(client, given, DATA) is None
    return str(given["image_id"])


async def became_an_image(shop: Shop, user: Client, image_id: str) -> None:
    """Wait until it is ready and all else is gone; there is one of it."""

    async def at_rest() -> bool:
        return await shop.backstage.keys_of(user.user) == whole(image_id)

    record = await settled(user, image_id)
    assert (record["status"], record["version"]) == ("ready", 1), record
    await until(at_rest)
    await until(lambda: shop.was_told(image_id))
    assert (await user.get("/v1/images")).json["images"] == [record]


async def settled(user: Client, image_id: str) -> dict[str, object]:
    """The record, also of a direct upload that is between its two places."""

    async def known() -> bool:
        answer = await user.get(f"/v1/images/{image_id}")
        return answer.status == 200 and answer.json["status"] != "queued"

    await until(known)
    return dict(await final(user, image_id))


@pytest.fixture(scope="module")
async def main_shop(endpoint: str, decoders: Decoders) -> AsyncIterator[Shop]:
    """The one in which faults are of one user's calls only."""
    async with shop_of(endpoint) as made, worker_of(made, decoders):
        yield made


@pytest.fixture(scope="module")
async def calls(main_shop: Shop) -> dict[bool, set[str]]:
    """The calls about one user's upload, over HTTP and direct, without a fault."""
    seen = {}
    for direct in (False, True):
        user = main_shop.client.as_user(new_user())
        await became_an_image(main_shop, user, await upload(user, direct))
        seen[direct] = set(main_shop.proxy.seen[user.user])
    return seen


@pytest.mark.parametrize("kind", MECHANISMS)
async def test_each_call_about_one_upload(main_shop: Shop, calls: dict[bool, set[str]], kind: str) -> None:
    """A neighbour's image is made meanwhile; this one when the fault is over."""
    own = {False: calls[False], True: calls[True] - calls[False]}
    rows = [(direct, call) for direct in own for call in sorted(own[direct]) if (call, kind) not in NOT_TOLD]
    rows = in_turn(rows, list(MECHANISMS).index(kind))

    async def row(direct: bool, call: str) -> str | None:
        user, neighbour = (main_shop.client.as_user(new_user()) for _ in range(2))
        met = 0
        try:
            with main_shop.proxy.breaking(call, kind, user.user) as rule:
                image_id = await upload(user, direct)
                await until(met_by(rule))
                if (direct, call) == rows[0]:
                    await became_an_image(main_shop, neighbour, await upload(neighbour, direct))
                met = rule.met
            await became_an_image(main_shop, user, image_id)
        except (AssertionError, TimeoutError) as error:
            return f"{call} {'of a direct upload' * direct}, met {met}: {error!r}"
        return None

    wrong = await asyncio.gather(*(row(direct, call) for direct, call in rows))
    if lines := [one for one in wrong if one]:
        pytest.fail("\n".join(lines), pytrace=False)


AT_START = {"GetQueueUrl", "GetQueueAttributes"}
"""What a worker asks for once."""
SPOILT = {
    "ChangeMessageVisibilityBatch": ("dynamodb PutItem", "internal_error"),
    "GetQueueAttributes": ("s3 GetObject incoming", "truncated"),
}
"""Another call to be broken, so that the worker makes this one: it holds a message, or wants to give one back."""


@pytest.mark.parametrize(
    "call",
    ["GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"],
)
async def test_each_call_to_the_queue(endpoint: str, decoders: Decoders, call: str) -> None:
    """In all ways, one after the other; the worker is started again only where the call is one of its start."""
    async with AsyncExitStack() as opened:
        shop = await opened.enter_async_context(shop_of(endpoint))
        if call not in AT_START:
            await opened.enter_async_context(worker_of(shop, decoders))
        for kind in in_turn(list(MECHANISMS), len(call)):
            user = shop.client.as_user(new_user())
            async with AsyncExitStack() as one:
                with ExitStack() as faults:
                    rule = faults.enter_context(shop.proxy.breaking(f"sqs {call}", kind))
                    if call in SPOILT:
                        faults.enter_context(shop.proxy.breaking(*SPOILT[call], user.user))
                    image_id = await upload(user, direct=False)
                    if call in AT_START:
                        await one.enter_async_context(worker_of(shop, decoders))
                    await until(met_by(rule, enough=1))
                await became_an_image(shop, user, image_id)

        async def empty() -> bool:
            return not await shop.backstage.messages()

        if call in AT_START:
            await opened.enter_async_context(worker_of(shop, decoders))
        await until(empty)
        assert await shop.backstage.dead_letters() == []
