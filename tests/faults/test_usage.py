"""Usage stays exact when DynamoDB's answers are lost, when transactions meet, and when anything is done once more."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from service.errors import Unavailable
from service.settings import Settings
from service.storage import Storage, open_storage
from tests.api.records import now_id
from tests.backstage import until
from tests.books import Books, books_of
from tests.counted import SIZE, STEPS, Image
from tests.driver import client_of
from tests.faults.between import NOTHING_THERE, elsewhere
from tests.faults.table_between import Dynamo, dynamo_before
from tests.pictures import TINY

WRITES = [step for step in STEPS if step != "edit"]
BEFORE = {"release": "reserve", "ready": "reserve", "failed": "reserve", "rejected": "reserve", "delete": "ready"}
AFTER = {"reserve": 1, "release": 0, "ready": 1, "failed": 1, "rejected": 0, "delete": 0}
ALWAYS = 1000


@pytest.fixture(scope="module")
async def books(settings: Settings) -> AsyncIterator[Books]:
    """A look into the table."""
    async with books_of(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def sound(settings: Settings) -> AsyncIterator[Storage]:
    """The table with a quota, and no faults."""
    async with open_storage(replace(settings, quota_images=1000)) as opened:
        yield opened


@pytest.fixture
async def dynamo(endpoint: str) -> AsyncIterator[Dynamo]:
    """DynamoDB with faults to come."""
    async with dynamo_before(endpoint) as before:
        yield before


@pytest.fixture
async def faulty(settings: Settings, dynamo: Dynamo) -> AsyncIterator[Storage]:
    """The same table by way of it."""
    async with open_storage(replace(elsewhere(settings, "dynamodb", dynamo.url), quota_images=1000)) as opened:
        yield opened


async def begun(storage: Storage, step: str) -> Image:
    """An image just before that step, of a user with another one."""
    image = Image(storage, now_id(), now_id())
    await replace(image, image_id=now_id()).ready()
    if step in BEFORE:
        await getattr(image, BEFORE[step])()
    return image


@pytest.mark.parametrize("forgetful", [False, True], ids=["by token", "without tokens"])
@pytest.mark.parametrize("step", WRITES)
async def test_an_answer_that_is_lost(
    sound: Storage, faulty: Storage, dynamo: Dynamo, books: Books, step: str, forgetful: bool
) -> None:
    """The write was done; done again by botocore itself it counts once, and nobody takes it for somebody else's."""
    image = await begun(sound, step)
    dynamo.lose, dynamo.forgetful = 1, forgetful
    await getattr(replace(image, storage=faulty), step)()
    assert dynamo.lost == 1
    assert await books.exact(image.user) == (1 + AFTER[step], (1 + AFTER[step]) * SIZE)


@pytest.mark.parametrize("step", WRITES)
async def test_answers_that_are_all_lost(
    sound: Storage, faulty: Storage, dynamo: Dynamo, books: Books, step: str
) -> None:
    """503; and the whole of it done once more, by a redelivery or the client's retry, counts once."""
    image = await begun(sound, step)
    dynamo.lose = ALWAYS
    with pytest.raises(Unavailable):
        await getattr(replace(image, storage=faulty), step)()
    assert dynamo.lost > 1
    assert await books.exact(image.user) == (1 + AFTER[step], (1 + AFTER[step]) * SIZE)
    await getattr(image, step)()
    assert await books.exact(image.user) == (1 + AFTER[step], (1 + AFTER[step]) * SIZE)


@pytest.mark.parametrize("step", [*WRITES, "edit"])
async def test_other_transactions_in_the_way(
    sound: Storage, faulty: Storage, dynamo: Dynamo, books: Books, step: str
) -> None:
    """It waits until they are done; edits too, which are no transactions."""
    image = await begun(sound, "delete" if step == "edit" else step)
    dynamo.conflicts = 3
    await getattr(replace(image, storage=faulty), step)()
    assert dynamo.refused == 3
    after = AFTER.get(step, 1)
    assert await books.exact(image.user) == (1 + after, (1 + after) * SIZE)


@pytest.mark.parametrize("step", ["reserve", "ready"])
async def test_others_are_always_in_the_way(
    sound: Storage,
    faulty: Storage,
    dynamo: Dynamo,
    books: Books,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """503 within bounds, and nothing has changed."""
    monkeypatch.setattr("service.storage.table.LONGEST_PAUSE", 0.02)
    image = await begun(sound, step)
    before = await books.exact(image.user)
    dynamo.conflicts = ALWAYS
    with pytest.raises(Unavailable):
        await getattr(replace(image, storage=faulty), step)()
    assert 3 < dynamo.refused < 30
    assert await books.exact(image.user) == before


async def test_a_first_total_whose_answer_is_lost(
    faulty: Storage, sound: Storage, dynamo: Dynamo, books: Books
) -> None:
    """It is made once, and right."""
    image = Image(faulty, now_id(), now_id())
    await replace(image, storage=sound).ready()
    await books.forget(image.user)
    dynamo.lose = 1
    assert (await faulty.usage.get(image.user)).images == 1
    assert dynamo.lost == 1
    assert await books.exact(image.user) == (1, SIZE)


@pytest.mark.parametrize("away", ["s3", "sqs"])
async def test_an_upload_that_is_not_accepted_is_not_counted(settings: Settings, books: Books, away: str) -> None:
    """503, and beside the answer its reservation goes; with a key it waits for the retry, and counts once."""
    user, png = now_id(), TINY["image/png"].data
    limited = replace(settings, quota_images=1)
    async with client_of(elsewhere(limited, away, NOTHING_THERE), user) as client:
        answers = [await client.upload(png, "image/png") for _ in range(2)]
        assert {answer.status for answer in answers} <= {503, 429}
        assert answers[0].status == 503

        async def nothing() -> bool:
            return await books.exact(user) == (0, 0)

        await until(nothing)
        keyed = [await client.upload(png, "image/png", Idempotency_Key="key") for _ in range(2)]
        assert {answer.status for answer in keyed} == {503}
        assert await books.exact(user) == (1, len(png))
    async with client_of(limited, user) as client:
        assert (await client.upload(png, "image/png", Idempotency_Key="key")).status == 202
        assert (await client.upload(png, "image/png")).code == "quota_exceeded"
    assert await books.exact(user) == (1, len(png))
