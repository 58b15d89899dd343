"""All commands."""

from collections.abc import Callable
from typing import Annotated

import typer

from service import version
from service.cli import keys
from service.cli.change import delete, tag
from service.cli.doctor import doctor
from service.cli.get import get
from service.cli.look import list_images, show, usage
from service.cli.running import dev, serve, worker
from service.cli.upkeep import provision, redrive, sweep
from service.cli.upload import upload

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Commands = dict[str, Callable[..., None]]


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"cloud-images {version.installed()}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version.")]


@app.callback()
def common(_: Version = False) -> None:
    """Takes image uploads, checks them while they arrive, and stores them in S3 and DynamoDB."""


USE: Commands = {
    "upload": upload,
    "list": list_images,
    "show": show,
    "get": get,
    "tag": tag,
    "delete": delete,
    "usage": usage,
}
RUN: Commands = {"serve": serve, "worker": worker, "dev": dev}
KEEP: Commands = {"provision": provision, "sweep": sweep, "redrive": redrive, "doctor": doctor}

for panel, group in (("Use a service", USE), ("Run a service", RUN), ("Look after a service", KEEP)):
    for name, command in group.items():
        app.command(name, rich_help_panel=panel)(command)
app.add_typer(keys.app, name="api-key", rich_help_panel="Look after a service")
