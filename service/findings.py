"""What `cloud-images doctor` finds: one check after the other, each with its verdict and how to mend what is wrong."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
"""How long one check may take; what takes longer would not serve an upload either."""
ALL_SECONDS = 28.0


class State(StrEnum):
    """The verdict of a check."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what it is about, its verdict, what was seen, and how to mend it (empty when there is nothing to)."""

    what: str
    state: State
    seen: str
    mend: str = ""


class Trouble(Exception):
    """A check has found something else than that all is right."""

    def __init__(self, state: State, seen: str, mend: str = "") -> None:
        super().__init__(seen)
        self.state = state
        self.seen = seen
        self.mend = mend


def wrong(seen: str, mend: str) -> NoReturn:
    """End a check: this does not work.

    :raises Trouble: always.
    """
    raise Trouble(State.WRONG, seen, mend)


def warn(seen: str, mend: str) -> NoReturn:
    """End a check: this works, and will hurt some day.

    :raises Trouble: always.
    """
    raise Trouble(State.WARNING, seen, mend)


def unchecked(because: str, mend: str = "") -> NoReturn:
    """End a check: it cannot be known.

    :raises Trouble: always.
    """
    raise Trouble(State.UNCHECKED, f"because {because}", mend)


class Examination:
    """Makes checks and keeps what they find. What depends on a check that is not right is not checked.

    :param tell: is called with each finding as soon as there is one.
    :param seconds: how long all checks together may take.
    """

    def __init__(self, tell: Callable[[Finding], object], seconds: float = ALL_SECONDS) -> None:
        self.findings: list[Finding] = []
        self._tell = tell
        self._end = asyncio.get_running_loop().time() + seconds

    async def check(
        self,
        what: str,
        look: Callable[[], Awaitable[str]],
        *needs: str,
        seconds: float = CHECK_SECONDS,
        late: str = "",
    ) -> bool:
        """Make one check; whether it is right, a warning included.

        :param look: returns what it has seen when all is right, else raises `Trouble`.
        :param needs: names of checks before, without which this one makes no sense.
        :param late: how to mend it when it does not end in time.
        """
        if broken := next((name for name in needs if not self.good(name)), None):
            return self.add(Finding(what, State.UNCHECKED, f"because `{broken}` is not right"))
        left = self._end - asyncio.get_running_loop().time()
        if left <= 0:
            return self.add(Finding(what, State.UNCHECKED, "because the time for all checks is over"))
        limit = min(seconds, left)
        try:
            async with asyncio.timeout(limit):
                found = Finding(what, State.OK, await look())
        except Trouble as trouble:
            found = Finding(what, trouble.state, trouble.seen, trouble.mend)
        except TimeoutError:
            found = Finding(what, State.WRONG, f"no answer within {limit:.0f} seconds", late)
        except Exception as error:  # an answer that nobody has thought of is to hide nothing of what comes after it
            log.debug("%s", what, exc_info=True)
            seen = f"the check itself fails: {type(error).__name__}: {error}"
            found = Finding(what, State.WRONG, seen, "see what answers there; --debug shows where it fails")
        return self.add(found)

    def add(self, found: Finding) -> bool:
        """Keep a finding; whether it is right, a warning included."""
        self.findings.append(found)
        self._tell(found)
        return found.state in (State.OK, State.WARNING)

    def good(self, what: str) -> bool:
        """Whether that check was made and nothing is wrong; of several of a name, all."""
        states = [found.state for found in self.findings if found.what == what]
        return bool(states) and all(state in (State.OK, State.WARNING) for state in states)
