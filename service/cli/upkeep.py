"""The commands that keep what the service stores: `provision`, `sweep`, `redrive`."""

import json
from typing import Annotated

import typer

from service.cli.frame import run


def provision() -> None:
    """Create the bucket, table and queues that are missing; harmless twice. Example: cloud-images provision"""
    from service.storage.provision import provision as provision_all

    run(provision_all)
    typer.echo("Bucket, table and queues are there.")


def sweep(
    older_than: Annotated[
        int | None,
        typer.Option(min=0, help="Seconds that what is left behind has lain there; 0: all [SWEEP_AFTER_SECONDS]."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on when most images have no record, or most records no bytes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report in JSON.")] = False,
) -> None:
    """Repair what crashes left behind: 0 all is right, 1 something is left. Example: cloud-images sweep --dry-run"""
    from worker.sweep.stages import sweep_all

    report = run(lambda settings: sweep_all(settings, older_than, dry_run=dry_run, force=force))
    typer.echo(json.dumps(report.as_json()) if as_json else report.as_text())
    raise SystemExit(2 if report.broken_off else 1 if report.left_over else 0)


def redrive(
    limit: Annotated[int | None, typer.Option(min=1, help="Most messages to move.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what this version cannot read.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Bring dead letters back to the queue: 0 done, 1 some are left. Example: cloud-images redrive --limit 100"""
    from worker.redrive import redrive_all

    done = run(lambda settings: redrive_all(settings, limit, everything=everything, dry_run=dry_run))
    typer.echo(done.as_text())
    raise SystemExit(2 if done.broken_off else 1 if done.left else 0)
