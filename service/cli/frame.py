"""What the commands that run a part of the service share: its settings, its log, a loop, and complaints."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import typer

from service import logs
from service.errors import ServiceError, SettingsError
from service.settings import Settings

Result = TypeVar("Result")


def run(main: Callable[[Settings], Coroutine[Any, Any, Result]]) -> Result:
    """Run `main(settings)` to its end; what it returns."""
    with complaints():
        return in_loop(main(set_up()))


def set_up(**overrides: Any) -> Settings:
    """The settings of the environment, of which what is not None in `overrides` takes the place; the log follows them.

    :raises SettingsError: one has a value that cannot be used.
    """
    settings = Settings.from_env(**overrides)
    logs.set_up(settings)
    _allow_files()
    return settings


def in_loop(main: Coroutine[Any, Any, Result]) -> Result:
    """Run it in uvloop, where that is to be had."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


@contextmanager
def complaints() -> Iterator[None]:
    """What the user can mend becomes one clear line and exit code 2."""
    try:
        yield
    except (SettingsError, ServiceError) as error:
        detail = error.detail if isinstance(error, ServiceError) else str(error)
        if isinstance(error, ServiceError) and error.__cause__:
            # Clients are not told what is wrong with AWS; whoever runs the command has to know.
            detail += " " + str(error.__cause__).partition("\n")[0]
        typer.echo(f"cloud-images: {detail}", err=True)
        raise SystemExit(2) from None


def _allow_files() -> None:
    """As many open files as the system lets this process have: each connection is one, each spooled upload another."""
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        # Some systems name a limit here that they then refuse.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _loop_factory() -> Any:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
