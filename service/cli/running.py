"""The commands that run the service: `serve`, `worker`, `dev`."""

from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.frame import complaints, in_loop, run, set_up


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
    with complaints():
        settings = set_up(host=host, port=port, processes=processes, trust_user_header=trust_user_header)
        if settings.processes > 1:
            from service.http.processes import supervise

            raise SystemExit(supervise(settings, _serve_part))
        from service.http.server import serve as serve_http

        in_loop(serve_http(settings))


def _serve_part(main: Coroutine[Any, Any, None]) -> None:
    with complaints():
        in_loop(main)


def worker(
    burst: Annotated[bool, typer.Option("--burst", help="Work until the queue is empty, then exit 0.")] = False,
) -> None:
    """Process accepted uploads until SIGTERM. Example: cloud-images worker --burst"""
    from worker.run import work

    run(lambda settings: work(settings, burst=burst))


def dev(
    local_aws: Annotated[
        Path | None, typer.Option(envvar="LOCAL_AWS", help="The command that starts a local AWS (ministack).")
    ] = None,
    state: Annotated[Path, typer.Option(help="Folder in which the local AWS keeps what was stored.")] = Path(".local"),
) -> None:
    """Run service and worker, and a local AWS unless AWS_ENDPOINT is set. Example: make run"""
    from service.dev import run_all

    run(lambda settings: run_all(settings, local_aws, state))
