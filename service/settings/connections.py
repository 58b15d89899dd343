"""How long a client may take for what, so that slow and silent ones hold nothing up."""

from dataclasses import dataclass

from service.settings import values
from service.settings.setting import MIB, setting


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Connections:
    """The bounds of a connection, and how many there may be."""

    max_connections: int = setting(
        "MAX_CONNECTIONS",
        4096,
        values.between(1, 1_000_000),
        "connections of a process, as far as its open files allow; beyond them the longest idle ones are closed, "
        "and when there are none new ones get 503",
    )
    keep_alive_seconds: float = setting(
        "KEEP_ALIVE_SECONDS",
        75.0,
        values.between(1, 3600, float),
        "how long a connection may be idle, before its first request and between two",
    )

    # A request, in the order in which it comes.
    header_seconds: float = setting(
        "HEADER_SECONDS",
        30.0,
        values.between(0.1, 3600, float),
        "how long the headers of a request may take, from their first byte on",
    )
    header_bytes: int = setting(
        "HEADER_BYTES", 32 * 1024, values.between(1024, MIB), "most bytes of a request's headers, names and values"
    )
    body_idle_seconds: float = setting(
        "BODY_IDLE_SECONDS",
        30.0,
        values.between(0.1, 3600, float),
        "how long a body may stall before it is refused",
    )
    min_bytes_per_second: float = setting(
        "MIN_BYTES_PER_SECOND",
        500.0,
        values.between(1, MIB, float),
        "a body may take `BODY_IDLE_SECONDS`, and one more for so many bytes of it; an answer is to be taken as fast",
    )

    # Its answer.
    answer_idle_seconds: float = setting(
        "ANSWER_IDLE_SECONDS",
        60.0,
        values.between(0.1, 3600, float),
        "how long a client may take less of its answer than that rate; then its connection is cut",
    )
    linger_seconds: float = setting(
        "LINGER_SECONDS",
        30.0,
        values.between(0, 600, float),
        "how long the rest of a refused body is read, so the answer arrives",
    )
    linger_bytes: int = setting(
        "LINGER_BYTES",
        64 * MIB,
        values.between(0, 1024 * 1024 * MIB),
        "most bytes of the rest of a refused body that are read",
    )
