"""What the commands that ask a service share: where it is, who is asking, and how they end.

Exit codes: 0 all is done, 1 some of it is not, 2 the words or the service do not let it begin, 130 Ctrl-C.
"""

import asyncio
import functools
import inspect
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from service.cli.plain import complain, fit_for_output

if TYPE_CHECKING:
    from service.client import Client

DEFAULT_URL = "http://127.0.0.1:8080"
INTERRUPTED = 130

OPTIONS = {
    "url": Annotated[str | None, typer.Option(help=f"Where the service is [CLOUD_IMAGES_URL, else {DEFAULT_URL}].")],
    "user": Annotated[str | None, typer.Option(help="Who is asking, for AUTH_MODE=header [CLOUD_IMAGES_USER].")],
    "api_key": Annotated[str | None, typer.Option(help="The same for AUTH_MODE=api-key [CLOUD_IMAGES_API_KEY].")],
    "token": Annotated[str | None, typer.Option(help="The same for AUTH_MODE=jwt [CLOUD_IMAGES_TOKEN].")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show all that is known of an error.")],
}


class Ask(Protocol):
    """Makes the client that the options name; as someone waits for it, it does not try for long."""

    def __call__(self) -> "Client": ...


class Mistake(Exception):
    """What the user said makes no sense; the text says why."""


def asks(command: Callable[..., Coroutine[Any, Any, int]]) -> Callable[..., None]:
    """A command that runs a coroutine function, whose first argument is an `Ask`, and ends with the code it returns.

    It takes OPTIONS beside the function's own.
    """
    _, *own = inspect.signature(command).parameters.values()
    defaults = {"debug": False}
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(name), annotation=annotation)
        for name, annotation in OPTIONS.items()
    ]

    @functools.wraps(command)
    def run(**words: Any) -> None:
        given = {name: words.pop(name) for name in OPTIONS}
        fit_for_output()
        with _ending(given["debug"]):
            raise SystemExit(asyncio.run(command(functools.partial(_client, given), **words)))

    run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in (*own, *shared)}
    return run


def _client(given: dict[str, Any]) -> "Client":
    from service.client import Client, Retries

    names = ("user", "api_key", "token")
    who = {name: given[name] for name in names}
    if not any(who.values()):
        # What is said beside the command counts for more than what lies in the environment.
        who = {name: os.environ.get(f"CLOUD_IMAGES_{name.upper()}") for name in names}
    url = given["url"] or os.environ.get("CLOUD_IMAGES_URL") or DEFAULT_URL
    try:
        return Client(url, **who, retries=Retries(tries=4, seconds=60))
    except ValueError as error:
        raise Mistake(str(error)) from None


@contextmanager
def _ending(debug: bool) -> Iterator[None]:
    """An error becomes one clear line and an exit code."""
    from service.client import Damaged, ImagesError, Problem

    try:
        yield
    except KeyboardInterrupt:
        complain("interrupted.")
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:
        if isinstance(error, BrokenPipeError) or (
            isinstance(error, ExceptionGroup) and error.subgroup(BrokenPipeError)
        ):
            # Who reads the output has had enough. What is left of it goes nowhere, without a complaint at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None
        if debug:
            traceback.print_exception(error)
        if isinstance(error, ImagesError | Mistake | OSError):
            complain(told(error))
        else:
            complain(f"a fault of its own: {type(error).__name__}: {error} (--debug shows where)")
        words = isinstance(error, Problem) and error.code == "invalid_parameter"
        one_thing = isinstance(error, Problem | Damaged | OSError) and not (words or ends_all(error))
        raise SystemExit(1 if one_thing else 2) from None


def told(error: Exception) -> str:
    """An error in one line for people, with what to do about it where that can be said."""
    from service.client import Problem, TooManyRequests, Unauthenticated

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
    from service.client import Damaged, Forbidden, ImagesError, Problem, TooManyRequests, Unauthenticated, Unavailable

    if isinstance(error, Problem):
        # A path that nothing there knows, or an address that leads on: it is not where the service is.
        elsewhere = error.code in ("not_found", "http_404", "http_405") or 300 <= error.status < 400
        return elsewhere or isinstance(error, Unauthenticated | Forbidden | TooManyRequests | Unavailable)
    return isinstance(error, ImagesError) and not isinstance(error, Damaged)


async def each(things: Iterable[str], do: Callable[[str], Awaitable[None]]) -> int:
    """Do something with each thing, once; the exit code.

    :raises ImagesError: one that ends all. Of any other, a line tells to which of several things it happened.
    """
    from service.client import ImagesError

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
