"""How the commands that ask a service end: an error becomes one line and an exit code.

0 all is done, 1 some of it is not, 2 the words or the service do not let it begin, 130 Ctrl-C.
"""

import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

from service.cli.interrupts import INTERRUPTED
from service.cli.plain import complain
from service.remote.errors import (
    Damaged,
    Forbidden,
    ImagesError,
    Problem,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)


class Mistake(Exception):
    """What the user said makes no sense; the text says why."""


@contextmanager
def ending(debug: bool) -> Iterator[None]:
    """An error becomes one clear line and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        complain("interrupted.")
        raise SystemExit(INTERRUPTED) from None
    except Exception as raised:
        error = _first(raised)
        if isinstance(error, BrokenPipeError):
            _let_go()  # who reads the output has had enough
            raise SystemExit(1) from None
        if debug:
            traceback.print_exception(error)
        if isinstance(error, ImagesError | Mistake | OSError):
            complain(told(error))
        else:
            complain(f"a fault of its own: {type(error).__name__}: {error} (--debug shows where)")
        words = isinstance(error, Problem) and error.code == "invalid_parameter"
        one_thing = isinstance(error, Problem | Damaged | OSError) and not (words or ends_all(error))
        _let_go()
        raise SystemExit(1 if one_thing else 2) from None


def _let_go() -> None:
    """What of the output cannot be written goes nowhere, without a complaint of the interpreter when it ends."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _first(error: Exception) -> Exception:
    """Of several that have ended several things at once."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def told(error: Exception) -> str:
    """An error in one line for people, with what to do about it where that can be said."""
    text = str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error.strerror or text
    if isinstance(error, Unauthenticated):
        text += " Say who is asking with --user, --api-key or --token, as the service's AUTH_MODE has it."
    if isinstance(error, TooManyRequests) and error.retry_after is not None:
        text += f" Try again in {error.retry_after:.0f} s."
    return f"{text} ({error.code})" if isinstance(error, Problem) else text


def ends_all(error: Exception) -> bool:
    """Whether what has failed for one image fails for every other, too."""
    if isinstance(error, Problem):
        # A path that nothing there knows, an address that leads on, or a proxy: it is not the service that answers.
        elsewhere = error.code in ("not_found", "http_404", "http_405", "http_407") or 300 <= error.status < 400
        return elsewhere or isinstance(error, Unauthenticated | Forbidden | TooManyRequests | Unavailable)
    return isinstance(error, ImagesError) and not isinstance(error, Damaged)


async def each(things: Iterable[str], do: Callable[[str], Awaitable[None]]) -> int:
    """Do something with each thing, once; the exit code.

    :raises ImagesError: one that ends all. Of any other, a line tells to which of several things it happened.
    """
    named, code = list(dict.fromkeys(things)), 0
    for one in named:
        try:
            await do(one)
        except (ImagesError, OSError) as error:
            if len(named) == 1 or ends_all(error) or isinstance(error, BrokenPipeError):
                raise
            complain(f"{one}: {told(error)}")
            code = 1
    return code
