"""All connections of a process, of which there are only so many."""

import logging
import resource
from operator import attrgetter
from typing import Protocol

log = logging.getLogger(__name__)

RESERVE = 100
"""File descriptors that are of no client: listeners, connections to AWS, what Python itself opens."""
EACH = 2
"""File descriptors of a connection: its socket, and the file of an upload that does not fit into memory."""
FEWEST = 16
SHARE = 100
"""One in so many goes at once when room is needed: looking for them takes a look at all."""


class Member(Protocol):
    """A connection."""

    @property
    def dispensable(self) -> bool:
        """Whether it waits for a request, or for the rest of one that is answered, or its client takes no answer."""

    @property
    def idle_since(self) -> float:
        """The time of the loop at which it began to."""

    def give_way(self) -> None:
        """End it."""


class Crowd:
    """Keeps their number at `most`: who comes then takes the place of who has had nothing to wait for the longest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._members: set[Member] = set()
        self._turned_away: set[Member] = set()

    def enter(self, member: Member) -> bool:
        """Whether there is room for it, perhaps made just now."""
        if len(self._members) >= self._most and not self._make_room():
            return False
        self._members.add(member)
        return True

    def turn_away(self, member: Member) -> bool:
        """Whether one for whom there is no room can be told so."""
        if len(self._turned_away) >= RESERVE // 2:
            return False
        self._turned_away.add(member)
        return True

    def leave(self, member: Member) -> None:
        """It is gone."""
        self._members.discard(member)
        self._turned_away.discard(member)

    def _make_room(self) -> bool:
        idle = sorted((one for one in self._members if one.dispensable), key=attrgetter("idle_since"))
        for member in idle[: max(1, self._most // SHARE)]:
            member.give_way()
            # Its transport may take a moment to end.
            self._members.discard(member)
        return bool(idle)


def room(wanted: int) -> int:
    """How many connections this process can have, at most `wanted`; lets it open so many files if it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = EACH * wanted + RESERVE
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < needed:
            found = max(FEWEST, (soft - RESERVE) // EACH)
            log.warning("a limit of %d open files leaves room for %d connections, not %d", soft, found, wanted)
            return found
    return wanted
