"""`GET /v1/images`: which images the filters show, and which values they refuse."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from service.images import Record, Status, created_at
from service.storage import Storage
from tests.api.records import id_at, record, settle
from tests.api.test_listing import START, everything, listed
from tests.driver import Client

TYPES = ["image/jpeg", "image/png", "image/avif"]
TAGS = [(), ("sea",), ("sunset", "sea"), ("seaside",), ("Sea", "été & mer")]
STATUSES = [Status.READY, Status.REJECTED, Status.FAILED]
SECOND = 1000


@pytest.fixture(scope="module")
async def library(owner: Client, storage: Storage) -> list[Record]:
    """Every combination of type, tags and status, one a second from 2026 on."""
    records = [
        record(owner.user, id_at(START + at * SECOND), content_type=content_type, tags=tags, status=status)
        for at, (status, tags, content_type) in enumerate(itertools.product(STATUSES, TAGS, TYPES))
    ]
    await settle(storage, *records)
    return records


def _at(second: int) -> str:
    return datetime.fromtimestamp(START / 1000 + second, UTC).isoformat()


def _between(first: int, end: int) -> Callable[[Record], bool]:
    return lambda one: first * SECOND <= created_at(one.receipt.image_id).timestamp() * 1000 - START < end * SECOND


SHOWN: list[tuple[dict[str, str], Callable[[Record], bool]]] = [
    ({"status": "ready"}, lambda one: one.status == "ready"),
    ({"status": "rejected"}, lambda one: one.status == "rejected"),
    ({"status": "failed"}, lambda one: one.status == "failed"),
    ({"content_type": "image/png"}, lambda one: one.receipt.content_type == "image/png"),
    ({"content_type": "image/webp"}, lambda one: False),
    ({"tag": "sea"}, lambda one: "sea" in one.receipt.tags),
    ({"tag": "été & mer"}, lambda one: "été & mer" in one.receipt.tags),
    ({"tag": "se"}, lambda one: False),
    ({"from": _at(12)}, _between(12, 1000)),
    ({"to": _at(12)}, _between(0, 12)),
    ({"from": _at(5), "to": _at(40)}, _between(5, 40)),
    ({"from": _at(5), "to": _at(5)}, lambda one: False),
    ({"from": _at(40), "to": _at(5)}, lambda one: False),
    (
        {"status": "ready", "tag": "sea", "content_type": "image/avif"},
        lambda one: one.status == "ready" and "sea" in one.receipt.tags and one.receipt.content_type == "image/avif",
    ),
    (
        {"status": "failed", "from": _at(33), "to": _at(44), "order": "asc"},
        lambda one: one.status == "failed" and _between(33, 44)(one),
    ),
    (
        {"tag": "Sea", "content_type": "image/jpeg", "from": _at(1), "order": "asc"},
        lambda one: "Sea" in one.receipt.tags and one.receipt.content_type == "image/jpeg" and _between(1, 1000)(one),
    ),
]


@pytest.mark.parametrize(("query", "fits"), SHOWN, ids=[urlencode(query) for query, _ in SHOWN])
async def test_what_a_filter_shows(
    owner: Client, library: list[Record], query: dict[str, str], fits: Callable[[Record], bool]
) -> None:
    """All that fits and nothing else, on one page or on many."""
    expected = [one.receipt.image_id for one in library if fits(one)]
    expected = expected if query.get("order") == "asc" else expected[::-1]
    assert await listed(owner, **query) == expected
    assert await everything(owner, limit=2, **query) == expected


MOMENTS = [
    "2026-01-31T12:00:00.000Z",
    "2026-01-31T23:59:59.999Z",
    "2026-02-28T08:09:10.007Z",
    # Its milliseconds are not what floating-point arithmetic makes of them.
    "2038-04-08T05:55:49.924Z",
]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_from_is_inclusive_and_to_exclusive_to_the_millisecond(
    client: Client, storage: Storage, moment: str
) -> None:
    """An image's own `created_at`, given back, is the boundary that it says."""
    at = datetime.fromisoformat(moment)
    milliseconds = int(at.timestamp()) * 1000 + at.microsecond // 1000
    before, lowest, highest, after = await settle(
        storage,
        record(client.user, id_at(milliseconds - 1, (1 << 74) - 1)),
        record(client.user, id_at(milliseconds, 1)),
        record(client.user, id_at(milliseconds, (1 << 74) - 1)),
        record(client.user, id_at(milliseconds + 1, 0)),
    )
    assert (await client.get(f"/v1/images/{lowest}")).json["created_at"] == moment
    assert await listed(client, **{"from": moment, "order": "asc"}) == [lowest, highest, after]
    assert await listed(client, **{"to": moment, "order": "asc"}) == [before]


@pytest.mark.parametrize(
    "moment",
    [
        "2026-01-31T12:00:00.500Z",
        "2026-01-31T12:00:00.5+00:00",
        "2026-01-31T14:30:00.500+02:30",
        "2026-01-31T07:00:00.500-05:00",
        "2026-01-31T12:00:00.500",
    ],
)
async def test_ways_to_write_the_same_time(client: Client, storage: Storage, moment: str) -> None:
    """Offsets count, UTC is the default, and a `+` that was not percent-encoded is understood."""
    noon = 1_769_860_800_500
    before, then = await settle(
        storage,
        record(client.user, id_at(noon - 1)),
        record(client.user, id_at(noon)),
    )
    for path in (f"/v1/images?from={moment}", f"/v1/images?{urlencode({'from': moment})}"):
        answer = await client.get(path)
        assert [image["image_id"] for image in answer.json["images"]] == [then], path
    assert await listed(client, to=moment) == [before]


async def test_times_finer_than_a_millisecond(client: Client, storage: Storage) -> None:
    """An image of .500 is before .5004: `from` leaves it out, `to` shows it."""
    (at,) = await settle(storage, record(client.user, id_at(1_769_860_800_500)))
    finer = "2026-01-31T12:00:00.5004Z"
    assert await listed(client, **{"from": finer}) == []
    assert await listed(client, to=finer) == [at]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:00", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-23:00"])
async def test_times_beyond_what_ids_can_hold(client: Client, storage: Storage, moment: str) -> None:
    """They mean before or after everything."""
    (one,) = await settle(storage, record(client.user))
    early = moment < "2000"
    assert await listed(client, **{"from": moment}) == [one] * early
    assert await listed(client, to=moment) == [one] * (not early)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=+1",
        "limit=1.5",
        "limit=1e1",
        "limit=",
        "limit=many",
        "limit=%D9%A3",  # a digit, but not one of ours
        "limit=" + "9" * 5000,
        "order=up",
        "order=",
        "status=gone",
        "status=READY",
        "status=deleted",
        "status=",
        "content_type=image/svg%2Bxml",
        "content_type=text/html",
        "content_type=png",
        "content_type=",
        "tag=",
        "tag=a,b",
        "tag=%00",
        "tag=" + "x" * 33,
        "from=yesterday",
        "from=",
        "from=2026-13-01T00:00:00Z",
        "to=1767225600",
        "to=2026-01-01T25:00:00Z",
        "order=asc&order=desc",
        "tag=sea&tag=sunset",
        "page=2",
        "Limit=2",
        "user_id=alice",
    ],
    ids=lambda query: str(query)[:30],
)
async def test_values_that_make_no_sense(client: Client, query: str) -> None:
    """Refused by name, rather than a list that is not the one asked for."""
    answer = await client.get(f"/v1/images?{query}")
    assert (answer.status, answer.code) == (400, "invalid_parameter")
    assert "unpack" not in answer.json["detail"], "Python's own words mean nothing to the caller"
