"""`cloud-images api-key`: makes what AUTH_MODE=api-key asks for."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from service.images import USER_ID

app = typer.Typer(help="API keys, for AUTH_MODE=api-key.", no_args_is_help=True)


@app.callback()
def _keys() -> None:
    """Without it, a single command would take no name."""


@app.command()
def create(
    user: Annotated[str, typer.Argument(help="Id of the user whose key it is.")],
    file: Annotated[
        Path | None, typer.Option(help="Append the line to this file, your API_KEYS_FILE, instead of printing it.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="For how long it holds; else for ever.")] = None,
) -> None:
    """Make a key and print it, once; it is stored as a hash only. Example: cloud-images api-key create alice"""
    # Not at the top: the other commands need not wait for all of the web.
    from service.http.auth.key_lines import KnownKey, digest_of, line_of, new_key

    if not USER_ID.fullmatch(user):
        raise typer.BadParameter("1 to 128 letters, digits or ._@+=:|- of which only - and _ may come first")
    key = new_key()
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    line = line_of(KnownKey(user, digest_of(key), expires_at))
    if file is not None:
        _append(file, line)
        typer.echo(key)
        return
    typer.echo(f"The key, which is not shown again:  {key}")
    typer.echo(f"The line for API_KEYS_FILE:         {line}")


def _append(file: Path, line: str) -> None:
    """Add a line by one write, so that a service which reads the file meanwhile sees all of it or nothing."""
    try:
        begun = file.exists() and file.stat().st_size and not file.read_bytes().endswith(b"\n")
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "wb", buffering=0) as opened:
            opened.write(b"\n" * bool(begun) + f"{line}\n".encode())
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written to: {error.strerror}") from None
