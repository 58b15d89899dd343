"""The command line `cloud-images`."""

import typer

from service.cli import keys
from service.cli.running import dev, serve, worker
from service.cli.upkeep import provision, redrive, sweep

app = typer.Typer(
    help="Takes image uploads, checks them while they arrive, and stores them in S3 and DynamoDB.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (serve, worker, provision, sweep, redrive, dev):
    app.command()(command)
app.add_typer(keys.app, name="api-key")


def main() -> None:
    """The console script."""
    app()
