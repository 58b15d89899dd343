"""The command line `cloud-images`. Its commands are in `app`, which takes a moment to load."""

from service.cli.interrupts import ending_at_once


def main() -> None:
    """The console script."""
    with ending_at_once():
        from typer.main import get_command

        from service.cli.app import app

        command = get_command(app)
    command()
