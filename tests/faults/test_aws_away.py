"""While AWS or a part of it is away, uploads get a quick 503 and leave nothing; when it is back, all goes on."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.settings import Settings
from service.storage import Storage, aws, open_storage
from service.storage.objects import VARIANTS
from service.storage.provision import provision
from tests.backstage import Backstage, drain, final, until, whole, working
from tests.conftest import settings_at
from tests.driver import Answer, Client, client_of
from tests.faults.between import NOTHING_THERE, aws_on, elsewhere, relay_to
from tests.local_aws import free_port
from tests.pictures import jpeg_progressive
from worker.decoder import Decoders, open_decoders

PATIENCE_SECONDS = 25
"""How long a client may have to wait for its 503."""
CALL_SECONDS = 4.0
"""The time limit of a call, where a test must wait until the service gives one up."""
PARTS = ("s3", "sqs", "dynamodb")


@dataclass(frozen=True)
class Seen:
    """What a client sees of a service that misses a part of AWS, and how long it waits at most."""

    away: set[str]
    plain: Answer
    with_key: Answer
    seconds: float


async def look(client: Client) -> Seen:
    """Ask all at once, as users do; the upload with a key is another user's."""
    start = time.monotonic()
    stranger = client.as_user(f"{client.user}-with-key")
    answers = parts_away(client), upload(client), upload(stranger, Idempotency_Key="1")
    away, plain, with_key = await asyncio.gather(*answers)
    return Seen(away, plain, with_key, time.monotonic() - start)


async def upload(client: Client, **headers: str) -> Answer:
    """Upload a picture."""
    return await client.upload(jpeg_progressive().data, **headers)


async def parts_away(client: Client) -> set[str]:
    """What `/readyz` says."""
    answer = await client.get("/readyz")
    away = {part for part, check in answer.json["checks"].items() if check != "ok"}
    assert answer.status == (503 if away else 200)
    return away


def says_away(answer: Answer, part: str) -> bool:
    """Whether this is the answer of a service that misses that part."""
    return (answer.status, answer.code) == (503, f"{part}_unavailable") and int(answer.headers["Retry-After"]) > 0


async def of_each_part(look_at: Callable[[str], Awaitable[Seen]]) -> dict[str, Seen]:
    """All parts at once: most of the time is spent waiting."""
    return dict(zip(PARTS, await asyncio.gather(*map(look_at, PARTS)), strict=True))


async def test_service_and_worker_get_over_an_outage_of_all_of_aws(tmp_path: Path) -> None:
    """They see it go and come back empty, and are never restarted."""
    settings = settings_at(f"http://127.0.0.1:{(port := free_port())}")

    async def is_there() -> None:
        assert await parts_away(client) == set()
        accepted = await upload(client)
        assert accepted.status == 202
        assert (await final(client, accepted.json["image_id"]))["status"] == "ready"

    async with (
        client_of(settings, "alice") as client,
        open_storage(settings) as storage,
        open_decoders(settings, VARIANTS) as decoders,
        AsyncExitStack() as worker,
    ):
        async with aws_on(port, tmp_path):
            await provision(settings)
            await worker.enter_async_context(working(settings, storage, decoders))
            await is_there()
        seen, health = await asyncio.gather(look(client), client.get("/healthz"))
        assert says_away(seen.plain, "s3")
        assert says_away(seen.with_key, "dynamodb")
        assert seen.away == set(PARTS)
        assert seen.seconds < PATIENCE_SECONDS
        assert health.status == 200
        async with aws_on(port, tmp_path):
            await provision(settings)
            await is_there()
            await worker.aclose()


@pytest.fixture(scope="module")
async def closed(settings: Settings) -> dict[str, Seen]:
    """Of services for each of which nothing listens where one part of AWS should be."""

    async def look_at(part: str) -> Seen:
        async with client_of(elsewhere(settings, part, NOTHING_THERE), f"{part}-closed") as client:
            return await look(client)

    return await of_each_part(look_at)


@pytest.mark.parametrize("part", PARTS)
async def test_only_one_part_away(closed: dict[str, Seen], part: str) -> None:
    """It is named; and an upload as such needs no DynamoDB, so it is accepted without."""
    seen = closed[part]
    assert seen.away == {part}
    assert says_away(seen.with_key, part)
    assert seen.plain.status == 202 if part == "dynamodb" else says_away(seen.plain, part)
    assert seen.seconds < PATIENCE_SECONDS


async def test_nothing_is_left_of_what_got_a_503(
    closed: dict[str, Seen], settings: Settings, storage: Storage, decoders: Decoders, backstage: Backstage
) -> None:
    """Neither bytes nor messages; and what was accepted is an image as soon as DynamoDB is there."""
    await drain(settings, storage, decoders)
    for part in ("s3", "sqs"):
        await backstage.nothing_of(f"{part}-closed")
    assert await backstage.keys_of("dynamodb-closed") == whole(closed["dynamodb"].plain.json["image_id"])
    assert await backstage.dead_letters() == []


@pytest.fixture(scope="module")
async def hanging(settings: Settings) -> AsyncIterator[dict[str, Seen]]:
    """Of services that reach one part of AWS, but never get an answer, until all is well again."""

    relays, clients = {}, {}
    async with AsyncExitStack() as opened:
        for part in PARTS:
            relays[part] = await opened.enter_async_context(relay_to(str(getattr(settings, f"endpoint_{part}"))))
            away = client_of(elsewhere(settings, part, relays[part].url), f"{part}-hanging")
            clients[part] = await opened.enter_async_context(away)
            relays[part].hang()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(aws, "CALL_SECONDS", CALL_SECONDS)
            seen = await of_each_part(lambda part: look(clients[part]))
        for part, client in clients.items():
            relays[part].mend()
            assert (await upload(client.as_user("later"))).status == 202

            async def all_there(client: Client = client) -> bool:
                return not await parts_away(client)

            await until(all_there)
        yield seen


@pytest.mark.parametrize("part", PARTS)
async def test_a_part_that_takes_requests_and_never_answers(
    hanging: dict[str, Seen], backstage: Backstage, part: str
) -> None:
    """As when packets get lost: that ends in the same way, if later."""
    seen = hanging[part]
    assert seen.away == {part}
    assert says_away(seen.with_key, part)
    assert seen.plain.status == 202 if part == "dynamodb" else says_away(seen.plain, part)
    assert seen.seconds < PATIENCE_SECONDS
    if part != "dynamodb":
        await backstage.nothing_of(f"{part}-hanging")
