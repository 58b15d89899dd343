"""The command `cloud-images doctor`: shows the findings, and ends with what they mean."""

import asyncio
import json
import logging
import os
import signal
from typing import Annotated

import typer

from service.cli.frame import in_loop
from service.cli.plain import fit_for_output, plain
from service.findings import Examination, Finding, State

WIDTHS = (12, 20)
COLORS = {State.OK: "green", State.WARNING: "yellow", State.WRONG: "red", State.UNCHECKED: None}


def doctor(
    url: Annotated[
        str | None, typer.Option(envvar="CLOUD_IMAGES_URL", help="A running service to look at, too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report in JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Also the log, with AWS's own words.")] = False,
) -> None:
    """Check settings, credentials, clock, bucket, table and queue, and say how to mend each.

    Ends with 0 when all is right (warnings included), 1 when something is wrong, 2 when it cannot be run.
    Changes nothing that is yours. Example: cloud-images doctor
    """
    _log(debug)
    fit_for_output()
    try:
        findings = in_loop(_examined(url, quiet=as_json))
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("cloud-images: broken off; what was made to try things out is removed.", err=True)
        raise SystemExit(2) from None
    broken = any(one.state is State.WRONG for one in findings)
    if as_json:
        checks = [{"check": one.what, "state": one.state, "seen": one.seen, "mend": one.mend} for one in findings]
        typer.echo(json.dumps({"ok": not broken, "checks": checks}, ensure_ascii=False))
    else:
        typer.echo(_summary(findings))
    raise SystemExit(1 if broken else 0)


def _log(debug: bool) -> None:
    """Our own words only: botocore's, at that level, have session tokens in them."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if not debug:
        logging.disable(logging.CRITICAL)
    for name in ("service", "worker"):
        logging.getLogger(name).setLevel(logging.DEBUG)


async def _examined(url: str | None, *, quiet: bool) -> list[Finding]:
    # Not at the top: the other commands need no decoder and no web.
    from service.doctor import examine

    task = asyncio.current_task()
    assert task is not None
    # As Ctrl-C does by itself.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    examination = Examination((lambda _: None) if quiet else _show)
    await examine(examination, os.environ, url)
    return examination.findings


def _show(found: Finding) -> None:
    state, what = typer.style(f"{found.state:<{WIDTHS[0]}}", fg=COLORS[found.state]), f"{found.what:<{WIDTHS[1]}}"
    mend = f" — {found.mend}" if found.mend else ""
    # Some of it are words of whatever answered.
    typer.echo(f"{state} {what} {plain(' '.join(f'{found.seen}{mend}'.splitlines()))}")


def _summary(findings: list[Finding]) -> str:
    counts = [(state, sum(one.state is state for one in findings)) for state in State]
    return "\n" + ", ".join(f"{count} {state}" for state, count in counts if count)
