"""What the commands that ask a service share: where it is, and who is asking."""

import asyncio
import functools
import inspect
import os
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from service.cli.ending import Mistake, ending
from service.cli.interrupts import ending_at_once
from service.cli.plain import fit_for_output

if TYPE_CHECKING:
    from service.client import Client

DEFAULT_URL = "http://127.0.0.1:8080"

OPTIONS = {
    "url": Annotated[str | None, typer.Option(help=f"Where the service is [CLOUD_IMAGES_URL, else {DEFAULT_URL}].")],
    "user": Annotated[str | None, typer.Option(help="Who is asking, for AUTH_MODE=header [CLOUD_IMAGES_USER].")],
    "api_key": Annotated[str | None, typer.Option(help="The same for AUTH_MODE=api-key [CLOUD_IMAGES_API_KEY].")],
    "token": Annotated[str | None, typer.Option(help="The same for AUTH_MODE=jwt [CLOUD_IMAGES_TOKEN].")],
    "debug": Annotated[bool, typer.Option("--debug", help="Show all that is known of an error.")],
}
AsJson = Annotated[bool, typer.Option("--json", help="What the API says, a line of JSON for each image.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of images.")]


class Ask(Protocol):
    """Makes the client that the options name; as someone waits for it, it does not try for long."""

    def __call__(self) -> "Client": ...


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
        with ending(given["debug"]):
            with ending_at_once():
                import service.client  # noqa: F401  # with all of aiohttp, which takes a moment
            code = asyncio.run(command(functools.partial(_client, given), **words))
            if sys.stdout:
                sys.stdout.flush()  # while there is still someone to say that it failed
            raise SystemExit(code)

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
