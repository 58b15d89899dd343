"""Image ids: UUIDv7, which sort by the time that they carry."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.images import created_at, first_id_at, is_image_id, new_image_id, rfc3339

ID = "0199a1f0-1234-7abc-8def-0123456789ab"
LAST_ID = "e677d21f-dbff-7fff-bfff-ffffffffffff"


def test_an_id_is_a_uuid_of_version_7_and_variant_1() -> None:
    """RFC 9562, section 5.7."""
    for one in (uuid.UUID(new_image_id()) for _ in range(1000)):
        assert (one.version, one.variant) == (7, uuid.RFC_4122)


def test_an_id_carries_the_time_of_its_making() -> None:
    before = time.time_ns() // 1_000_000
    image_id = new_image_id()
    after = time.time_ns() // 1_000_000
    assert before <= round(created_at(image_id).timestamp() * 1000) <= after


def test_ids_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As text too, which is how the table sorts them."""
    moments = [0, 1, 999, 1_767_225_600_000, 1_767_225_600_001, 1_767_225_600_255, 1_767_225_600_256, 2**47]
    ids = []
    for milliseconds in moments:
        monkeypatch.setattr(time, "time_ns", lambda now=milliseconds * 1_000_000: now)
        ids.append([new_image_id() for _ in range(50)])
    assert all(max(earlier) < min(later) for earlier, later in pairwise(ids))


def test_ids_of_one_moment_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """In far more bits than anybody could guess."""
    monkeypatch.setattr(time, "time_ns", lambda: 1_767_225_600_000_000_000)
    ids = [uuid.UUID(new_image_id()).int for _ in range(2000)]
    assert len(set(ids)) == len(ids)
    differing = 0
    for one, other in pairwise(ids):
        differing |= one ^ other
    assert differing.bit_count() == 74


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_first_id_of_a_moment(moment: datetime) -> None:
    """Ids know no finer times than milliseconds: it is the first of the next one then."""
    first = first_id_at(moment)
    assert is_image_id(first)
    assert timedelta(0) <= created_at(first) - moment < timedelta(milliseconds=1)


def test_the_first_id_of_a_moment_is_the_lowest(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 5000, UTC)
    nanoseconds = round(moment.timestamp() * 1000) * 1_000_000
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds - 1)
    earlier = new_image_id()
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds)
    assert earlier < first_id_at(moment) <= new_image_id()


@pytest.mark.parametrize("moment", [datetime.min, datetime(1969, 12, 31), datetime.max])  # noqa: DTZ001, DTZ901
def test_moments_that_no_id_can_carry(moment: datetime) -> None:
    """They come from queries; the nearest moment does for a range."""
    assert is_image_id(first_id_at(moment.replace(tzinfo=UTC)))


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", ID[:-1], ID + "0", ID.upper(), ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}", f" {ID}"),
        *(ID + "\n", ID[:-1] + "\n", ID.replace("-7", "-4"), ID.replace("-7", "-8"), ID.replace("-8", "-0")),
        *(ID.replace("-8", "-c"), ID.replace("0199a1f0-1234-", "0199a1f01-234-"), ID.replace("1", "١"), "g" + ID[1:]),
        *("../" + ID[3:], ID.replace("0", "_", 1), "-" * 36, "0" * 36, "\0" * 36, "\ud800" * 36),
        # Of a time that cannot be shown.
        *("e677d21f-dc00-7000-8000-000000000000", "f" * 8 + ID[8:]),
        *(None, 7, b"", ID.encode(), uuid.UUID(ID), [ID]),
    ],
    ids=repr,
)
def test_what_is_no_image_id(text: object) -> None:
    assert is_image_id(text) is False


def test_what_is_an_image_id() -> None:
    assert is_image_id(ID)
    assert is_image_id(LAST_ID)
    assert rfc3339(created_at(LAST_ID)) == "9999-12-31T23:59:59.999Z"
    assert all(is_image_id(new_image_id()) for _ in range(1000))


@given(st.text(alphabet="0123456789abcdefABCDEF-{} \n١", min_size=30, max_size=40) | st.text())
def test_any_text_is_an_id_or_not(text: str) -> None:
    """Without an exception; and what is one has one spelling only."""
    if is_image_id(text):
        assert str(uuid.UUID(text)) == text


def test_rfc3339_is_utc_to_the_millisecond() -> None:
    moment = datetime.fromisoformat("2026-01-31T13:00:00.123987+01:00")
    assert rfc3339(moment) == "2026-01-31T12:00:00.123Z"
    assert rfc3339(moment.replace(microsecond=0)) == "2026-01-31T12:00:00.000Z"
    assert rfc3339(created_at(ID)) == rfc3339(datetime.fromtimestamp(0x0199A1F01234 / 1000, UTC))
