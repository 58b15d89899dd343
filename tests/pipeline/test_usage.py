"""A user's total is at any moment the sum of his records and reservations, whatever happens in whatever order."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings as profile
from hypothesis import strategies as st

from service.errors import TooManyRequests
from service.images import Record, Status
from service.settings import Settings
from service.storage import Storage, open_storage
from tests.api.records import now_id, record
from tests.books import Books, books_of

SIZE, OTHER_SIZE = 1000, 1700
MOST_IMAGES, MOST_BYTES = 4, 5000


@pytest.fixture(scope="module")
async def books(settings: Settings) -> AsyncIterator[Books]:
    """A look into the table."""
    async with books_of(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def with_quota(settings: Settings) -> AsyncIterator[Storage]:
    """The same table, with a quota."""
    async with open_storage(replace(settings, quota_images=MOST_IMAGES, quota_bytes=MOST_BYTES)) as opened:
        yield opened


@pytest.fixture(params=["quota", "no quota"])
def kept(request: pytest.FixtureRequest, storage: Storage, with_quota: Storage) -> Storage:
    """Each in turn."""
    return with_quota if request.param == "quota" else storage


@dataclass(frozen=True)
class Image:
    """One image of one user, and what can happen to it."""

    storage: Storage
    user: str
    image_id: str
    size: int = SIZE

    def record(self, status: Status = Status.READY) -> Record:
        """Its record."""
        return record(self.user, self.image_id, status=status, size=self.size)

    async def reserve(self) -> None:
        await self.storage.usage.reserve(self.record().receipt)

    async def release(self) -> None:
        await self.storage.usage.release(self.user, self.image_id)

    async def ready(self) -> None:
        await self.storage.catalog.settle(self.record())

    async def failed(self) -> None:
        await self.storage.catalog.settle(self.record(Status.FAILED))

    async def rejected(self) -> None:
        await self.storage.catalog.settle(self.record(Status.REJECTED))

    async def edit(self) -> None:
        known = await self.storage.catalog.get(self.user, self.image_id)
        if isinstance(known, Record):
            await self.storage.catalog.replace(known.edited("Another", ()), known.version)

    async def delete(self) -> None:
        await self.storage.catalog.delete(self.user, self.image_id)


STEPS = ("reserve", "release", "ready", "failed", "rejected", "edit", "delete")
Step = Callable[[], Coroutine[Any, Any, None]]


def model(steps: tuple[str, ...], *, quota: bool) -> int:
    """How many images count after these steps of one image: 0 or 1, as the rules have it."""
    status, reserved = "", False
    for step in steps:
        if step == "reserve":
            reserved = reserved or (quota and not status)
        elif step == "release":
            reserved = False
        elif step == "delete":
            status, reserved = "deleted", False
        elif step != "edit" and status in ("", "failed"):
            status, reserved = step, False
    return int(reserved or status in ("ready", "failed"))


@pytest.mark.parametrize("first", STEPS)
async def test_every_order_of_three_steps(kept: Storage, books: Books, first: str) -> None:
    """All that can happen to an image, twice included, beside another image that stays."""
    quota = bool(kept.usage.quota)

    async def run(steps: tuple[str, ...]) -> None:
        user = f"{now_id()}"
        other, image = Image(kept, user, now_id()), Image(kept, user, now_id(), OTHER_SIZE)
        await other.ready()
        for at, step in enumerate(steps, 1):
            await getattr(image, step)()
            counts = model(steps[:at], quota=quota)
            assert await books.exact(user) == (1 + counts, SIZE + counts * OTHER_SIZE), steps[:at]
        used = await kept.usage.get(user)
        assert (used.images, used.bytes) == await books.total(user)

    await asyncio.gather(*(run((first, *more)) for more in itertools.product(STEPS, repeat=2)))


@pytest.mark.parametrize("pair", list(itertools.combinations_with_replacement(STEPS, 2)), ids="-".join)
async def test_two_at_once(kept: Storage, storage: Storage, books: Books, pair: tuple[str, str]) -> None:
    """From each state: whichever of them wins, the total is right, and what is deleted stays deleted."""

    async def run(before: str) -> None:
        image = Image(kept, now_id(), now_id())
        # The other is a process without a quota, or with other habits.
        same = replace(image, storage=storage)
        if before:
            await getattr(image, before)()
        await asyncio.gather(*(getattr(one, step)() for one, step in zip((image, same), pair, strict=True)))
        await books.exact(image.user)
        if "delete" in (*pair, before):
            assert await books.exact(image.user) == (0, 0)
            assert (await books.items(image.user))[image.image_id]["status"]["S"] == "deleted"

    await asyncio.gather(*(run(before) for before in ("", *STEPS)))


async def test_another_size_than_was_reserved(with_quota: Storage, books: Books) -> None:
    """As of a direct upload whose client posted twice: the record's own size counts."""
    image = Image(with_quota, now_id(), now_id())
    await image.reserve()
    await replace(image, size=OTHER_SIZE).failed()
    assert await books.exact(image.user) == (1, OTHER_SIZE)
    await image.ready()
    assert await books.exact(image.user) == (1, SIZE)


async def test_one_write_is_enough(settings: Settings, storage: Storage, with_quota: Storage, books: Books) -> None:
    """An upload of a user who has others takes no reads, with a quota as without."""
    for kept in (storage, with_quota):
        user = now_id()
        await Image(kept, user, now_id()).ready()
        image, calls = Image(kept, user, now_id()), []
        table = kept.usage._table
        events = table.client.meta.events
        events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name), unique_id="count")
        try:
            await kept.usage.reserve(image.record().receipt, new=True)
            await image.ready()
            first, calls[:] = list(calls), []
            if kept is with_quota:
                # The first settling found another image without a reservation; from now on it expects one.
                image = Image(kept, user, now_id())
                await kept.usage.reserve(image.record().receipt, new=True)
                await image.ready()
                assert calls == ["TransactWriteItems"] * 2
            else:
                assert first == ["TransactWriteItems"]
        finally:
            events.unregister("before-call.dynamodb", unique_id="count")
        await books.exact(user)


async def test_records_from_before_there_was_usage(kept: Storage, storage: Storage, books: Books) -> None:
    """The first thing that happens to any of them counts them all, whatever it is; then it is exact."""

    async def run(step: str) -> None:
        image = Image(storage, now_id(), now_id())
        for status in (Status.READY, Status.FAILED, Status.REJECTED, Status.READY):
            await storage.catalog.settle(record(image.user, status=status, size=100))
        await image.failed()
        await books.forget(image.user)
        if step == "usage":
            used = await kept.usage.get(image.user)
            assert (used.images, used.bytes) == (4, 300 + SIZE)
        else:
            await getattr(replace(image, storage=kept, image_id=image.image_id), step)()
        sums, total = await books.sums(image.user), await books.total(image.user)
        assert total in (None, sums)
        await Image(kept, image.user, now_id(), 7).ready()
        assert await books.exact(image.user) == (sums[0] + 1, sums[1] + 7)

    await asyncio.gather(*(run(step) for step in ("usage", *STEPS)))


async def test_first_images_at_once(storage: Storage, books: Books) -> None:
    """Nobody's total is made twice."""
    user = now_id()
    for _ in range(3):
        await storage.catalog.settle(record(user, size=10))
    await books.forget(user)
    await asyncio.gather(*(Image(storage, user, now_id()).ready() for _ in range(12)))
    assert await books.exact(user) == (15, 30 + 12 * SIZE)


async def test_a_user_with_more_records_than_one_answer_holds(storage: Storage, books: Books) -> None:
    """DynamoDB answers with at most 1 MB."""
    user, long = now_id(), "x" * 200
    many = [record(user, size=at, title=long, tags=(long, long, long, long, long)) for at in range(1200)]
    for at in range(0, len(many), 100):
        await asyncio.gather(*map(storage.catalog.settle, many[at : at + 100]))
    sums = (1200, sum(range(1200)))
    await books.forget(user)
    used = await storage.usage.get(user)
    assert (used.images, used.bytes) == sums == await books.total(user)


async def test_recount_while_writing(with_quota: Storage, storage: Storage, books: Books) -> None:
    """A wrong total becomes right, though images come and go all the time."""
    user, stop = now_id(), asyncio.Event()
    held = [Image(storage, user, now_id()) for _ in range(30)]
    await asyncio.gather(*(image.ready() for image in held))

    async def write() -> None:
        for image in held:
            await image.delete()
            fresh = Image(with_quota, user, now_id(), OTHER_SIZE)
            try:
                await fresh.reserve()
                await fresh.ready()
            except TooManyRequests:
                pass
            await asyncio.sleep(0.05)  # so that a recount gets in between; without, each begins anew
        stop.set()

    writing = asyncio.create_task(write())
    recounts = 0
    while not stop.is_set():
        await books.spoil(user, 1000, 1)
        await storage.usage.recount(user)
        recounts += 1
        # Nobody else has touched the total between the recount and this, or the sums have moved with it.
        await asyncio.sleep(0)
    await writing
    assert recounts > 5
    assert await books.exact(user) == (await books.sums(user))


async def test_recount_of_what_is_right(kept: Storage, books: Books) -> None:
    """Changes nothing, and nothing of reservations."""
    user = now_id()
    await Image(kept, user, now_id()).ready()
    await Image(kept, user, now_id(), OTHER_SIZE).reserve()
    before = await books.items(f"usage#{user}")
    used = await kept.usage.recount(user)
    assert (used.images, used.bytes) == await books.exact(user)
    assert await books.items(f"usage#{user}") == before
    await Image(kept, user, now_id()).ready()
    await books.exact(user)


async def test_stale_reservations(with_quota: Storage, storage: Storage, books: Books) -> None:
    """What was reserved before a moment and has no record is listed, from any process, and can be released once."""
    from datetime import UTC, datetime, timedelta

    user = now_id()
    lost, done = (Image(with_quota, user, now_id()) for _ in range(2))
    await lost.reserve()
    await done.reserve()
    await done.ready()
    moment = datetime.now(UTC)
    assert await storage.usage.stale_reservations(user, moment - timedelta(hours=1)) == []
    assert await storage.usage.stale_reservations(user, moment + timedelta(seconds=2)) == [lost.image_id]
    for _ in range(2):
        await replace(lost, storage=storage).release()
        assert await books.exact(user) == (1, SIZE)
    assert await storage.usage.stale_reservations(user, moment + timedelta(seconds=2)) == []


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([*STEPS, "recount"]), st.booleans(), st.sampled_from([SIZE, 2500])),
        max_size=25,
    )
)
@profile(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_history_of_three_images(
    settings: Settings, steps: list[tuple[int, str, bool, int]], runner: "Runner"
) -> None:
    """With processes that have a quota, and some that have none, and images whose sizes change their minds."""
    runner(steps)


Runner = Callable[[list[tuple[int, str, bool, int]]], None]


@pytest.fixture(scope="module")
async def runner(settings: Settings, endpoint: str) -> AsyncIterator[Runner]:
    """Runs a history in a thread with a loop of its own: hypothesis does not await."""
    from concurrent.futures import ThreadPoolExecutor

    async def run(steps: list[tuple[int, str, bool, int]]) -> None:
        limited = replace(settings, quota_images=2, quota_bytes=4000)
        async with open_storage(settings) as free, open_storage(limited) as bound, books_of(settings) as books:
            user, ids = now_id(), [now_id() for _ in range(3)]
            for which, step, quota, size in steps:
                kept = bound if quota else free
                image = Image(kept, user, ids[which], size)
                if step == "recount":
                    await kept.usage.recount(user)
                    continue
                before = await books.exact(user)
                try:
                    await getattr(image, step)()
                except TooManyRequests:
                    assert before[0] >= 2 or before[1] + size > 4000
                    assert await books.exact(user) == before
                await books.exact(user)

    with ThreadPoolExecutor(1) as thread:
        yield lambda steps: thread.submit(asyncio.run, run(steps)).result()
