"""Each call to AWS that any request of a user makes, broken in each way: 503 or the right answer, and then all is well.

Which calls there are is seen in a run without faults; a new one is a new row.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass

import aiohttp
import pytest
from botocore.retries.standard import ExponentialBackoff

from service.http.app import make_app
from service.settings import Settings
from service.storage import Storage, aws, open_storage, sqs
from service.storage.provision import provision
from tests.backstage import Backstage, backstage_of, drain, whole
from tests.conftest import settings_at
from tests.driver import Answer, Client, client_of
from tests.faults.kinds import ENDLESS, KINDS, MECHANISMS
from tests.faults.proxy import Proxy, Rule, proxy_to, through
from tests.faults.stories import Prepared, Story, new_user, prepare, with_other_routes
from worker.decoder import Decoders

CALL_SECONDS = 3.0
"""The time limit of a call where a test waits for it."""
SHORT_PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 60.0
AT_ONCE = 24
CODES_OF = {
    *("s3 PutObject incoming", "s3 GetObject images", "s3 DeleteObjects", "sqs SendMessageBatch", "sqs GetQueueUrl"),
    *("dynamodb GetItem", "dynamodb PutItem", "dynamodb TransactWriteItems"),
}
"""The calls with which all codes are tried: each kind of client and of answer."""


@dataclass(frozen=True)
class Row:
    """A story, and which of its calls is broken: the one after `skip` others of that name."""

    title: str
    story: Story
    call: str
    skip: int

    def __str__(self) -> str:
        return f"{self.title}: {self.call}" + f" ({self.skip + 1})" * bool(self.skip)


@dataclass(frozen=True)
class Stage:
    """A service behind a proxy, what is behind both, and the rows there are."""

    settings: Settings
    proxy: Proxy
    client: Client
    storage: Storage
    backstage: Backstage
    rows: tuple[Row, ...]


@pytest.fixture(scope="module", autouse=True)
def brisk() -> Iterator[None]:
    """Pauses that a test can wait for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqs, "LONGEST_PAUSE_SECONDS", SHORT_PAUSE_SECONDS)
        patch.setattr(ExponentialBackoff, "delay_amount", lambda *_: SHORT_PAUSE_SECONDS)
        yield


@pytest.fixture(scope="module")
async def stage(endpoint: str) -> AsyncIterator[Stage]:
    """With names in AWS of its own, so that all there is can be looked at in the end."""
    settings = settings_at(endpoint)
    await provision(settings)
    routes = {(one.method, one.resource.canonical) for one in make_app(settings).router.routes() if one.resource}
    async with (
        proxy_to(endpoint) as proxy,
        client_of(through(settings, proxy), "-") as client,
        open_storage(settings) as storage,
        backstage_of(settings) as backstage,
    ):
        rows: list[Row] = []
        for title, story in with_other_routes(routes).items():
            user = new_user()
            prepared = await prepare(story, user, storage)
            answer = await story.ask(client.as_user(user), prepared)
            assert answer.status in story.good, (title, answer)
            calls = Counter(proxy.seen.get(user, ()))
            calls["sqs GetQueueUrl"] = int(story.accepts)  # once in the life of a service
            rows += [Row(title, story, call, skip) for call, count in calls.items() for skip in range(count)]
        yield Stage(settings, proxy, client, storage, backstage, tuple(rows))


@dataclass
class Outcome:
    """What became of a row. `wrong` says what should not have been."""

    row: Row
    kind: str
    prepared: Prepared
    met: int
    answers: list[Answer]
    wrong: list[str]


async def ask(row: Row, client: Client, prepared: Prepared) -> Answer | None:
    """The answer; None when it broke off."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS * 2):
            return await row.story.ask(client, prepared)
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        return None


async def took(story: Story, prepared: Prepared, storage: Storage) -> bool:
    """Whether what the user asked for was done."""
    return story.took is None or await story.took(storage, prepared)


class Hurry:
    """The short time limit of a call, while all rows meet their fault; before and after it a call may take a while."""

    def __init__(self, patch: pytest.MonkeyPatch, rows: int) -> None:
        self._patch, self._all = patch, asyncio.Barrier(rows)

    async def __aenter__(self) -> None:
        await self._all.wait()
        self._patch.setattr(aws, "CALL_SECONDS", CALL_SECONDS)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            await self._all.abort()
            return
        await self._all.wait()
        self._patch.undo()


async def try_row(stage: Stage, row: Row, kind: str, hurry: AbstractAsyncContextManager[None]) -> Outcome:
    """Ask with the fault, then without it, on the same service."""
    user = new_user()
    prepared = await prepare(row.story, user, stage.storage)
    async with AsyncExitStack() as opened:
        client, proxy = stage.client, stage.proxy
        of: str | None = user
        if row.call.startswith("sqs"):  # else others would share its batches
            proxy, of = await opened.enter_async_context(proxy_to(str(stage.settings.endpoint_s3))), None
            client = await opened.enter_async_context(client_of(through(stage.settings, proxy), user))
        client = client.as_user(user)
        async with hurry:
            start = time.monotonic()
            with proxy.breaking(row.call, kind, of, row.skip) as rule:
                first = await ask(row, client, prepared)
            seconds = time.monotonic() - start
        outcome = Outcome(row, kind, prepared, rule.met, [first] if first else [], [])
        _judge_first(outcome, first, rule, seconds)
        if first and first.status in row.story.good and not await took(row.story, prepared, stage.storage):
            outcome.wrong.append(f"{first.status}, and nothing was done")
        again = await ask(row, client, prepared)
        if again is None or again.status not in row.story.good:
            outcome.wrong.append(f"afterwards: {again}"[:300])
        elif row.story.body is not None and again.body != row.story.body:
            outcome.wrong.append("afterwards: other bytes")
        elif not await took(row.story, prepared, stage.storage):
            outcome.wrong.append("afterwards: nothing was done")
        if again:
            outcome.answers.append(again)
        # obstore follows redirects, without the signature; what it finds there must not count.
        if (user in proxy.trapped or (of is None and proxy.trapped)) and not row.call.startswith("s3"):
            outcome.wrong.append("followed a redirect")
    return outcome


def _judge_first(outcome: Outcome, answer: Answer | None, rule: Rule, seconds: float) -> None:
    story, wrong = outcome.row.story, outcome.wrong
    if not rule.met:
        wrong.append("did not meet its fault")
    if seconds > PATIENCE_SECONDS:
        wrong.append(f"took {seconds:.1f} s")
    if answer is None:
        if story.body is None:
            wrong.append("broke off")
    elif story.needless == outcome.row.call and answer.status not in story.good:
        wrong.append(f"{answer.status}, though all was done")
    elif answer.status in story.good:
        if story.body is not None and answer.body != story.body:
            wrong.append(f"{answer.status} with {len(answer.body)} other bytes")
    elif answer.status != 503 or not answer.code or int(answer.headers.get("Retry-After", "0")) < 1:
        wrong.append(f"{answer.status} {answer.body[:200]!r}")


async def ready_images(stage: Stage, user: str) -> set[str]:
    """The ids of all images of a user, each of which is ready."""
    images = (await stage.client.as_user(user).get("/v1/images")).json["images"]
    assert {image["status"] for image in images} <= {"ready"}
    return {image["image_id"] for image in images}


OUTCOMES: list[Outcome] = []


def rows_for(stage: Stage, kind: str) -> list[Row]:
    """Each call in one of the rows that have it, another one for each kind; with EVERY_FAULT in all of them."""
    rows = [row for row in stage.rows if kind in MECHANISMS or row.call in CODES_OF]
    if os.environ.get("EVERY_FAULT"):
        return rows
    turn = list(KINDS).index(kind)
    of_calls = [[row for row in rows if row.call == call] for call in dict.fromkeys(row.call for row in rows)]
    chosen = [of_call[turn % len(of_call)] for of_call in of_calls]
    # Bytes on their way out differ most from one story to the next.
    special = [row for row in rows if row.call == row.story.needless or (row.story.body and row.call.startswith("s3"))]
    return chosen + [row for row in special if row not in chosen]


def nothing_wrong(wrong: Iterable[str]) -> None:
    """Fail with all that is wrong, a line each."""
    if lines := list(wrong):
        pytest.fail("\n".join(lines), pytrace=False)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_call_broken_in_one_way(stage: Stage, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For all rows at once: 503 with `Retry-After`, or the right answer; then the same request again is answered."""
    rows = rows_for(stage, kind)
    free = asyncio.Semaphore(len(rows) if kind in ENDLESS else AT_ONCE)
    hurry = Hurry(monkeypatch, len(rows)) if kind in ENDLESS else nullcontext()

    async def try_in_turn(row: Row) -> Outcome:
        async with free:
            return await try_row(stage, row, kind, hurry)

    outcomes = await asyncio.gather(*map(try_in_turn, rows))
    OUTCOMES.extend(outcomes)
    nothing_wrong(f"{one.row}: {'; '.join(one.wrong)}" for one in outcomes if one.wrong)


async def test_what_was_promised_is_there_once_and_nothing_else(stage: Stage, decoders: Decoders) -> None:
    """After all of the above: each 202 is an image; what got a 503 is one or is nothing, and nothing lies about."""
    await drain(stage.settings, stage.storage, decoders)
    uploads = [outcome for outcome in OUTCOMES if outcome.row.story.route == ("POST", "/v1/images")]
    kept = await stage.backstage.keys()
    lists = [await ready_images(stage, outcome.prepared.user) for outcome in uploads]
    wrong = []
    for outcome, listed in zip(uploads, lists, strict=True):
        named, user = f"{outcome.row}, {outcome.kind}", outcome.prepared.user
        promised = {answer.json["image_id"] for answer in outcome.answers if answer.status == 202}
        if not promised <= listed:
            wrong.append(f"{named}: {promised - listed} are not there")
        if kept.get(user, set()) != {key for image_id in listed for key in whole(image_id)}:
            wrong.append(f"{named}: {kept.get(user)} for {listed}")
        if "key" in outcome.row.title and len(listed) != 1:
            wrong.append(f"{named}: {len(listed)} images of one key")
    assert OUTCOMES
    nothing_wrong(wrong)
    assert await stage.backstage.dead_letters() == []
