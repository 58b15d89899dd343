"""When to ask again, and when to give up."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from service.remote.errors import ImagesError, Problem, TooManyRequests, Unavailable, Unreachable

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long a call is tried.

    Between tries lie `pause` seconds, twice as many each time up to `longest`, and of that a random half at least; but
    what `Retry-After` says when it is there, and `pause` at least. A rate limit that says when it ends counts as no
    try.

    :param tries: requests in all, the first one included.
    :param seconds: no try begins later than that after the first.
    """

    tries: int = 5
    seconds: float = 120.0
    pause: float = 0.5
    longest: float = 20.0

    async def run(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """What `ask()` returns once it does.

        :raises ImagesError: its last error; at once when another try cannot help.
        """
        loop = asyncio.get_running_loop()
        end, failed = loop.time() + self.seconds, 0
        while True:
            try:
                return await ask()
            except ImagesError as error:
                if not worth_another(error):
                    raise
                said = error.retry_after if isinstance(error, Problem) else None
                failed += not (isinstance(error, TooManyRequests) and said is not None)
                wait = self._wait(failed, said)
                if failed >= self.tries or loop.time() + wait > end:
                    raise
            await asyncio.sleep(wait)

    def _wait(self, failed: int, said: float | None) -> float:
        if said is not None:
            # A little later, and not all at once: whoever was sent away at the same time comes back then, too.
            # "0" is no leave to ask without a pause.
            said = max(said, self.pause)
            return said + random.uniform(0.0, min(1.0, 0.05 + said / 10))  # noqa: S311
        return min(self.longest, self.pause * 2.0 ** max(0, failed - 1)) * random.uniform(0.5, 1.0)  # noqa: S311


def worth_another(error: ImagesError) -> bool:
    """Whether the same request may succeed later. A quota does not grow by waiting."""
    if isinstance(error, TooManyRequests):
        return error.code != "quota_exceeded"
    return isinstance(error, Unavailable | Unreachable)


def seconds_of(text: str | None) -> float | None:
    """`Retry-After` (RFC 9110, section 10.2.3), seconds or a date, in seconds from now; None if it is neither."""
    text = (text or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
