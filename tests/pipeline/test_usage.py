"""A user's total is at any moment the sum of his records and reservations, whatever happens in whatever order."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from service.errors import TooManyRequests, Unavailable
from service.images import Status
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.items import to_item
from tests.api.records import now_id, record
from tests.books import Books, books_of
from tests.counted import SIZE, STEPS, Image
from tests.faults.between import elsewhere
from tests.faults.table_between import dynamo_before

OTHER_SIZE = 1700
MOST_IMAGES, MOST_BYTES = 4, 5000
AT_ONCE = 8
"""Users at a time: each call has its time limit, also on a busy machine."""


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


async def test_every_order_of_two_steps(kept: Storage, books: Books) -> None:
    """All that can happen to an image, the same twice included."""
    quota, places = bool(kept.usage.quota), asyncio.Semaphore(AT_ONCE)

    async def run(*steps: str) -> None:
        image = Image(kept, now_id(), now_id())
        for at, step in enumerate(steps, 1):
            async with places:
                await getattr(image, step)()
                counts = model(steps[:at], quota=quota)
                assert await books.exact(image.user) == (counts, counts * SIZE), steps[:at]

    await asyncio.gather(*(run(*steps) for steps in itertools.product(STEPS, repeat=2)))


@pytest.mark.parametrize("before", ["", "reserve", "ready", "failed"])
async def test_two_steps_at_once(storage: Storage, with_quota: Storage, books: Books, before: str) -> None:
    """Whichever of them wins, the total is right, and what is deleted stays deleted."""
    places = asyncio.Semaphore(AT_ONCE)

    async def run(*pair: str) -> None:
        image = Image(with_quota, now_id(), now_id())
        # The other is done by a process that has no quota, and so expects another state.
        same = replace(image, storage=storage)
        if before:
            await getattr(image, before)()
        async with places:
            await asyncio.gather(*(getattr(one, step)() for one, step in zip((image, same), pair, strict=True)))
        sums = await books.exact(image.user)
        if "delete" in pair:
            assert sums == (0, 0)
            assert (await books.items(image.user))[image.image_id]["status"]["S"] == "deleted"

    await asyncio.gather(*(run(*pair) for pair in itertools.product(STEPS, repeat=2)))


async def test_another_size_than_was_reserved(with_quota: Storage, books: Books) -> None:
    """As of a direct upload whose client posted twice: the record's own size counts."""
    image = Image(with_quota, now_id(), now_id())
    await image.reserve()
    await replace(image, size=OTHER_SIZE).failed()
    assert await books.exact(image.user) == (1, OTHER_SIZE)
    await image.ready()
    assert await books.exact(image.user) == (1, SIZE)


@pytest.mark.parametrize("quota", [None, 1000], ids=["no quota", "quota"])
async def test_one_write_is_enough(settings: Settings, endpoint: str, books: Books, quota: int | None) -> None:
    """An upload of a user who has others takes no read."""
    limited = replace(settings, quota_images=quota)
    async with dynamo_before(endpoint) as dynamo, open_storage(elsewhere(limited, "dynamodb", dynamo.url)) as kept:
        user = now_id()
        first, then = (Image(kept, user, now_id()) for _ in range(2))
        for image in (first, then):
            dynamo.calls.clear()
            await kept.usage.reserve(image.record().receipt, new=True)
            await image.ready()
        assert dynamo.calls == ["TransactWriteItems"] * (2 if quota else 1)
        await books.exact(then.user)


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
        read = await books.read(image.user)
        assert read.total in (None, read.sums)
        await Image(kept, image.user, now_id(), 7).ready()
        assert await books.exact(image.user) == (read.sums[0] + 1, read.sums[1] + 7)

    await asyncio.gather(*(run(step) for step in ("usage", *STEPS)))


async def test_first_images_at_once(storage: Storage, books: Books) -> None:
    """Nobody's total is made twice."""
    user = now_id()
    for _ in range(3):
        await storage.catalog.settle(record(user, size=10))
    await books.forget(user)
    await asyncio.gather(*(Image(storage, user, now_id()).ready() for _ in range(12)))
    assert await books.exact(user) == (15, 30 + 12 * SIZE)


async def test_a_user_with_more_records_than_one_answer_holds(
    storage: Storage, books: Books, settings: Settings
) -> None:
    """DynamoDB answers with at most 1 MB."""
    user, many = now_id(), 750
    items = [to_item(record(user, size=at + 1, title="x" * 1500)) for at in range(many)]
    for at in range(0, many, 25):
        batch = [{"PutRequest": {"Item": item}} for item in items[at : at + 25]]
        await books.dynamodb.batch_write_item(RequestItems={settings.table: batch})
    used = await storage.usage.get(user)
    assert (used.images, used.bytes) == (many, many * (many + 1) // 2)


async def test_recount_while_writing(with_quota: Storage, storage: Storage, books: Books) -> None:
    """A wrong total becomes right, though images come and go; what comes between two looks is not lost."""
    user = now_id()
    held = [Image(storage, user, now_id()) for _ in range(15)]
    await asyncio.gather(*(image.ready() for image in held))

    async def write() -> None:
        for image in held:
            await image.delete()
            fresh = Image(with_quota, user, now_id(), OTHER_SIZE)
            with suppress(TooManyRequests):
                await fresh.reserve()
                await fresh.ready()
            await storage.usage.get(user)  # a pause, in which a recount can come to its end

    writing, recounts = asyncio.create_task(write()), 0
    while not writing.done() or not recounts:
        await books.spoil(user, 1000, 1)
        with suppress(Unavailable):
            await storage.usage.recount(user)
            recounts += 1
    await writing
    await storage.usage.recount(user)
    images, _ = await books.exact(user)
    assert images <= MOST_IMAGES


async def test_recounts_of_a_right_total_while_writing(with_quota: Storage, storage: Storage, books: Books) -> None:
    """They never make it wrong."""
    user = now_id()
    images = [Image(with_quota, user, now_id()) for _ in range(12)]

    async def live(image: Image) -> None:
        with suppress(TooManyRequests):
            await image.reserve()
            await image.ready()
        await image.delete()

    async def write() -> None:
        for one, two in itertools.pairwise(images):
            await asyncio.gather(live(one), live(two))

    writing = asyncio.create_task(write())
    while not writing.done():
        with suppress(Unavailable):
            await storage.usage.recount(user)
    await writing
    assert await books.exact(user) == (0, 0)


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


async def test_a_reservation_is_released_once(with_quota: Storage, storage: Storage, books: Books) -> None:
    """By any process, also without a quota."""
    user = now_id()
    lost, done = (Image(with_quota, user, now_id()) for _ in range(2))
    await lost.reserve()
    await done.reserve()
    await done.ready()
    for _ in range(2):
        await replace(lost, storage=storage).release()
        assert await books.exact(user) == (1, SIZE)


History = list[tuple[int, str, bool, int]]
"""Which image, what happens, whether to a process with a quota, and the size that it takes the image to have."""


@pytest.fixture(scope="module")
def run_history(settings: Settings) -> Iterator[Callable[[History], None]]:
    """Runs one in a loop of another thread, as hypothesis does not await."""
    limited = replace(settings, quota_images=2, quota_bytes=4000)

    async def run(history: History) -> None:
        user, ids = now_id(), [now_id() for _ in range(3)]
        for which, step, quota, size in history:
            kept = bound if quota else free
            if step == "recount":
                await kept.usage.recount(user)
                continue
            before = await books.exact(user)
            try:
                await getattr(Image(kept, user, ids[which], size), step)()
            except TooManyRequests:
                assert before[0] >= 2 or before[1] + size > 4000
                assert await books.exact(user) == before
        await books.exact(user)

    with ThreadPoolExecutor(1) as thread, asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def enter() -> tuple[Storage, Storage, Books]:
            return (
                await stack.enter_async_context(open_storage(settings)),
                await stack.enter_async_context(open_storage(limited)),
                await stack.enter_async_context(books_of(settings)),
            )

        free, bound, books = thread.submit(lambda: runner.run(enter())).result()
        yield lambda history: thread.submit(lambda: runner.run(run(history))).result()
        thread.submit(lambda: runner.run(stack.aclose())).result()
        thread.submit(runner.close).result()


@given(
    history=st.lists(
        st.tuples(
            st.integers(0, 2), st.sampled_from([*STEPS, "recount"]), st.booleans(), st.sampled_from([SIZE, 2500])
        ),
        max_size=20,
    )
)
@profile(max_examples=25, deadline=None, derandomize=True)
def test_any_history_of_three_images(run_history: Callable[[History], None], history: History) -> None:
    """Of processes that have a quota, and some that have none, and images whose sizes change."""
    run_history(history)
