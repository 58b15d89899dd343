"""Traces: what one upload goes through, from its request across the queue to the end of the worker's part in it.

This is the seam between the code that says what it does and `service.traces.otel`, which sends that on. While nobody
collects traces, nothing of OpenTelemetry is loaded, and a span is one object that all share and that does nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING

from service.errors import SettingsError
from service.settings import Settings

if TYPE_CHECKING:
    from service.traces.otel import Tracing

Attributes = Mapping[str, str | int | float | bool]

IMAGE_ID = "cloud_images.image_id"
"""Of which image a span tells. Never of which user: whoever may look at traces need not know who uploads what, and
who may can find it by this id, or by `trace_id`, in the log."""
PARENT_CHARACTERS = 128
STATE_CHARACTERS = 512
"""More of a `tracestate` is not taken along (W3C Trace Context, section 3.3.1.1, asks for so many)."""
FLUSH_SECONDS = 0.5
"""How long the end of a process, or of a Lambda invocation, waits at most for what is still to be sent."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where in a trace somebody else is, as it travels; nobody has looked yet whether it is sound.

    https://www.w3.org/TR/trace-context/
    """

    parent: str
    state: str = ""


class Span:
    """A piece of work. This one is of nobody's interest."""

    __slots__ = ()
    context: Context | None = None
    """What takes it along to where the work goes on."""
    ids: Mapping[str, str] = {}
    """What the log says of it."""

    def __enter__(self) -> "Span":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def note(self, name: str, value: str | float) -> None:
        """Let it have this attribute."""

    def fail(self, code: str, *, ours: bool = True) -> None:
        """It ended with this error, which is a fault (`ours`), or only a refusal."""


NOBODYS = Span()
_tracing: "Tracing | None" = None


def are_on() -> bool:
    """Whether anybody collects traces."""
    return _tracing is not None


def span(
    name: str, attributes: Attributes | None = None, *, kind: str = "internal", parent: Context | None = None
) -> Span:
    """A context manager for a piece of work, a child of the one around it, or else of `parent`.

    What is raised within it ends it as failed, by the error's code or class; what the error says is left out, as that
    can have words of a user in it.

    :param kind: `internal`, `server`, `client`, `producer`, `consumer`.
    """
    return NOBODYS if _tracing is None else _tracing.span(name, attributes, kind, parent)


def note(name: str, value: str | float) -> None:
    """Let the innermost span have this attribute."""
    if _tracing is not None:
        _tracing.note(name, value)


def fail(code: str) -> None:
    """Let the innermost span end as failed, with this code."""
    if _tracing is not None:
        _tracing.fail(code)


def read(parents: Iterable[str], states: Iterable[str] = ()) -> Context | None:
    """The context that came with a request or a message. None when there is none, or several, or far too long a one."""
    (parent, *more), state = [*parents, ""], ",".join(states)
    if not parent or len(more) > 1 or len(parent) > PARENT_CHARACTERS:
        return None
    return Context(parent, state if len(state) <= STATE_CHARACTERS else "")


def code_of(error: BaseException) -> str:
    """What a trace says of an error: its own code, where it has one."""
    return str(getattr(error, "code", type(error).__name__))


def load(settings: Settings) -> ModuleType | None:
    """OpenTelemetry, if these settings name somebody who collects traces.

    :raises SettingsError: it is not installed, or they want what there is not.
    """
    if settings.traces_to is None:
        return None
    if settings.otlp_protocol != "http/protobuf":
        raise SettingsError(f"OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf, not {settings.otlp_protocol!r}.")
    try:
        from service.traces import otel
    except ImportError as error:
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, and {error.name} is not there: "
            "pip install 'cloud-image-service[traces]'."
        ) from None
    return otel


@asynccontextmanager
async def exporting(settings: Settings, service: str) -> AsyncIterator[None]:
    """Collects traces while the context lasts, under the name of `service`, if the settings say to whom they go.

    To be entered in the process that works, not in one that forks it. Leaving waits `FLUSH_SECONDS` at most.

    :raises SettingsError: see `load`.
    """
    global _tracing
    if (otel := load(settings)) is None:
        yield
        return
    before, _tracing = _tracing, otel.Tracing(settings, service)
    made = _tracing
    try:
        yield
    finally:
        _tracing = before
        await asyncio.to_thread(made.close, FLUSH_SECONDS)


async def flush() -> None:
    """Send what there is before the process is frozen; not at all while the last attempt is still under way."""
    if _tracing is not None:
        await asyncio.to_thread(_tracing.flush, FLUSH_SECONDS)
