"""How many requests each user may make: a bucket of tokens for each policy and user, in the memory of this process.

The header fields are those of https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

import math
import time
from dataclasses import dataclass

from aiohttp import web

from service.errors import TooManyRequests
from service.settings import Settings

WINDOW = 60.0
"""Seconds in which an empty bucket fills up."""
CROWD = 10_000
"""So many buckets are looked through for full ones, which need not be kept; later twice as many as were left."""
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one request: tokens that are left, and in how many seconds the bucket is full.

    When it was refused, `left` is None and `seconds` those after which it is not.
    """

    left: int | None
    seconds: float


class Buckets:
    """One bucket of `most` tokens for each user.

    A bucket is a moment, the one at which it is full (GCRA, the generic cell rate algorithm). So one that is full need
    not be kept, and no other is ever dropped: whatever the number of users, there are at most twice as many as requests
    come in the time in which a token does (and `CROWD`).
    """

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.most = most
        self._interval = WINDOW / most
        self._full_at: dict[str, float] = {}
        self._enough = CROWD

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._full_at)

    def take(self, user_id: str, now: float) -> Taken:
        """Take a token of this user; `now` counts seconds from anywhere."""
        full_at = max(self._full_at.get(user_id, now), now) + self._interval
        seconds = full_at - now
        if seconds > WINDOW + ROUNDING:
            return Taken(None, seconds - WINDOW)
        self._full_at[user_id] = full_at
        if len(self._full_at) > self._enough:
            self._full_at = {user: moment for user, moment in self._full_at.items() if moment > now}
            self._enough = max(CROWD, 2 * len(self._full_at))
        return Taken(int((WINDOW - seconds + ROUNDING) / self._interval), seconds)


LIMITED = web.AppKey("rate_limits", dict[str, Buckets])
SHOWN = web.RequestKey("rate_limit_fields", dict[str, str])


def limit_rates(app: web.Application, settings: Settings) -> None:
    """Let `allow` hold the users of this application to the limits of its settings."""
    limits = {"requests": settings.rate_limit_requests, "uploads": settings.rate_limit_uploads}
    app[LIMITED] = {name: Buckets(name, most) for name, most in limits.items() if most}
    if app[LIMITED]:
        app.on_response_prepare.append(_show)


def allow(request: web.Request, user_id: str) -> None:
    """Count a request of this user; to be called once for each, before a byte of its body is read.

    :raises TooManyRequests: the user has made too many within a minute.
    """
    limited = request.app[LIMITED]
    if not limited:
        return
    now, policies, rates = time.monotonic(), [], []
    for buckets in limited.values():
        if buckets.name == "uploads" and request.method != "POST":
            continue
        taken = buckets.take(user_id, now)
        # At the moment named, the same request succeeds.
        seconds = math.ceil(taken.seconds - ROUNDING)
        policies.append(f'"{buckets.name}";q={buckets.most};w={WINDOW:.0f}')
        rates.append(f'"{buckets.name}";r={taken.left or 0};t={seconds}')
        request[SHOWN] = {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(rates)}
        if taken.left is None:
            raise TooManyRequests(
                "rate_limited",
                f"These are more than {buckets.most:,} {buckets.name} a minute. Come back in {seconds} s.",
                retry_after=seconds,
            )


async def _show(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(request.get(SHOWN, {}))
