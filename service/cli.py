"""The command line `cloud-images`."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from service import cli_keys, logs
from service.errors import ServiceError, SettingsError
from service.settings import Settings

Result = TypeVar("Result")

app = typer.Typer(
    help="Takes image uploads, checks them while they arrive, and stores them in S3 and DynamoDB.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_keys.app, name="api-key")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [HOST, else 127.0.0.1].")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one [PORT, else 8080].")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes that share the port [PROCESSES, else 1].")
    ] = None,
    trust_user_header: Annotated[
        bool | None, typer.Option("--trust-user-header", help="A gateway sets X-User-Id; listen publicly all the same.")
    ] = None,
) -> None:
    """Serve the HTTP API until SIGTERM. Example: cloud-images serve --port 9000"""
    with _complaints():
        settings = _set_up(host=host, port=port, processes=processes, trust_user_header=trust_user_header)
        if settings.processes > 1:
            from service.http.processes import supervise

            raise SystemExit(supervise(settings, _serve_part))
        from service.http.server import serve as serve_http

        _in_loop(serve_http(settings))


def _serve_part(main: Coroutine[Any, Any, None]) -> None:
    with _complaints():
        _in_loop(main)


@app.command()
def worker(
    burst: Annotated[bool, typer.Option("--burst", help="Work until the queue is empty, then exit 0.")] = False,
) -> None:
    """Process accepted uploads until SIGTERM. Example: cloud-images worker --burst"""
    from worker.run import work

    _run(lambda settings: work(settings, burst=burst))


@app.command()
def provision() -> None:
    """Create the bucket, table and queues that are missing; harmless twice. Example: cloud-images provision"""
    from service.storage.provision import provision as provision_all

    _run(provision_all)
    typer.echo("Bucket, table and queues are there.")


@app.command()
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
    from worker.sweeper import sweep_all

    report = _run(lambda settings: sweep_all(settings, older_than, dry_run=dry_run, force=force))
    typer.echo(json.dumps(report.as_json()) if as_json else report.as_text())
    raise SystemExit(2 if report.broken_off else 1 if report.left_over else 0)


@app.command()
def redrive(
    limit: Annotated[int | None, typer.Option(min=1, help="Most messages to move.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what this version cannot read.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Bring dead letters back to the queue: 0 done, 1 some are left. Example: cloud-images redrive --limit 100"""
    from worker.redrive import redrive_all

    done = _run(lambda settings: redrive_all(settings, limit, everything=everything, dry_run=dry_run))
    typer.echo(done.as_text())
    raise SystemExit(2 if done.broken_off else 1 if done.left else 0)


@app.command()
def dev(
    local_aws: Annotated[
        Path | None, typer.Option(envvar="LOCAL_AWS", help="The command that starts a local AWS (ministack).")
    ] = None,
    state: Annotated[Path, typer.Option(help="Folder in which the local AWS keeps what was stored.")] = Path(".local"),
) -> None:
    """Run service and worker, and a local AWS unless AWS_ENDPOINT is set. Example: make run"""
    from service.dev import run_all

    _run(lambda settings: run_all(settings, local_aws, state))


def _run(main: Callable[[Settings], Coroutine[Any, Any, Result]]) -> Result:
    """Run `main(settings)` to its end; what it returns."""
    with _complaints():
        return _in_loop(main(_set_up()))


def _set_up(**overrides: Any) -> Settings:
    settings = Settings.from_env(**overrides)
    logs.set_up(settings)
    _allow_files()
    return settings


def _in_loop(main: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


@contextmanager
def _complaints() -> Iterator[None]:
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


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
