"""How far the load test may go, and the account of what it was promised. Needs no Locust, so that it can be tested."""

import ipaddress
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

UPLOADS = 2000
"""Most uploads of a run, unless the variable UPLOADS says otherwise."""


def why_not(url: str | None, environ: Mapping[str, str]) -> str | None:
    """Why no load may go to `url`; None when it may."""
    host = urlsplit(url or "").hostname
    if not host:
        return f"The load test needs a host as in http://127.0.0.1:8080, not {url!r}."
    if host == "localhost" or environ.get("ANYWHERE") == "1":
        return None
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return None
    return (
        f"{host} is not this machine. Load that its owner has not agreed to is an attack; if it is yours: ANYWHERE=1."
    )


def most_uploads(environ: Mapping[str, str]) -> int:
    """How many uploads, good and bad, a run may make.

    :raises SystemExit: UPLOADS is not a positive whole number.
    """
    given = environ.get("UPLOADS") or str(UPLOADS)
    if not given.isdecimal() or int(given) < 1:
        raise SystemExit(f"UPLOADS is how many uploads to make at most, 1 or more, not {given!r}.")
    return int(given)


@dataclass
class Account:
    """What all users of a run have done: `left` uploads may still be made, and what became of those acknowledged."""

    left: int
    acknowledged: int = 0
    deleted: int = 0
    found: Counter[str] = field(default_factory=Counter)
    any_ready: bool = False

    def take(self) -> bool:
        """Whether one more upload may be made; counts it."""
        self.left -= 1
        return self.left >= 0

    @property
    def lost(self) -> int:
        """Acknowledged uploads that the service does not know at the end."""
        return self.found["lost"]

    @property
    def unchecked(self) -> int:
        """Acknowledged uploads that nobody could look for at the end."""
        return self.acknowledged - self.deleted - self.found.total()

    def complaints(self) -> list[str]:
        """What is wrong with the account; empty when each promise was kept as far as can be seen."""
        others = self.found.keys() - {"ready", "queued", "lost"}
        return [
            *([f"{self.lost} acknowledged uploads are lost."] if self.lost else []),
            *(f"{self.found[status]} sound uploads are {status}." for status in sorted(others)),
            *([f"{self.unchecked} acknowledged uploads could not be looked for."] if self.unchecked else []),
            *(["Nothing has become ready: does a worker run?"] if self.found["queued"] and not self.any_ready else []),
        ]

    def __str__(self) -> str:
        found = ", ".join(f"{self.found[status]} {status}" for status in ("ready", "queued"))
        return (
            f"acknowledged uploads: {self.acknowledged}; deleted on the way: {self.deleted}; "
            f"at the end: {found}; acknowledged uploads lost: {self.lost}"
        )
