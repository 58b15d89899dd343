"""The buckets of the rate limit: exact at the edge, whatever the times, and bounded whatever the users."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.rate_limit import CROWD, WINDOW, Buckets

START = 1_234_567.891
"""As monotonic clocks have it."""


@pytest.mark.parametrize("most", [1, 3, 7, 60, 600, 999_999])
def test_as_many_at_once_as_a_minute_has(most: int) -> None:
    """And not one more; after the time named exactly one more."""
    buckets, tried = Buckets("requests", most), min(most, 1000)
    lefts = [buckets.take("alice", START).left for _ in range(tried)]
    assert lefts == list(range(most - 1, most - 1 - tried, -1))
    if tried < most:
        return
    refused = buckets.take("alice", START)
    assert refused.left is None
    assert refused.seconds == pytest.approx(WINDOW / most, abs=1e-6)
    assert buckets.take("alice", START + refused.seconds * 0.99).left is None
    assert buckets.take("alice", START + refused.seconds).left == 0
    assert buckets.take("alice", START + refused.seconds).left is None


@given(
    most=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 70, allow_nan=False), min_size=1, max_size=40),
)
def test_never_more_than_the_bucket_and_its_refill(most: int, pauses: list[float]) -> None:
    """In any span of time; and a retry after the whole seconds named always succeeds."""
    buckets, now, granted = Buckets("requests", most), START, []
    for pause in pauses:
        now += pause
        taken = buckets.take("alice", now)
        if taken.left is None:
            now += math.ceil(taken.seconds - 1e-6)
            assert buckets.take("alice", now).left is not None
        granted.append(now)
    for at, first in enumerate(granted):
        for count, last in enumerate(granted[at:], 1):
            assert count <= most + (last - first) * most / WINDOW + 1e-3


def test_users_do_not_share() -> None:
    """What one has used up is nobody else's affair."""
    buckets = Buckets("requests", 1)
    assert [buckets.take(user, START).left for user in ("alice", "bob", "alice", "bob")] == [0, 0, None, None]


def test_very_many_users() -> None:
    """Hardly any of them is kept, and a crowd does not refill the bucket of one who has used his up."""
    buckets, now = Buckets("requests", 60), START
    for _ in range(60):
        buckets.take("mallory", now)
    kept = 0
    for number in range(300_000):
        now += 1 / 30_000
        buckets.take(f"user-{number}", now)
        kept = max(kept, len(buckets))
    # Within the second that a token takes, 30,000 users come.
    assert 30_000 <= kept <= 2 * 30_000 + CROWD
    lefts = [buckets.take("mallory", now).left for _ in range(11)]
    assert lefts == [*range(9, -1, -1), None]
