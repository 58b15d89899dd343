"""Who is asking: each AUTH_MODE, from the command's words or its environment."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from service.client import Client
from service.settings import Settings
from tests.api.processes import Ended, run
from tests.cli.conftest import BARE
from tests.cli.odd import odd, says, speaks_no_http
from tests.cli.test_retries import IMAGE
from tests.modes import MODES, OTHER, OWNER, Service, service_in
from tests.pictures import jpeg

OPTIONS = {"header": "user", "api-key": "api_key", "jwt": "token"}
USAGE = {"images": 1, "bytes": 2, "quota": {"images": None, "bytes": None}}


def secret_of(service: Service, mode: str, name: str) -> str:
    """What says that it is that user."""
    ((_, text),) = service.mode.user(name)
    return str(text).removeprefix("Bearer ")


@pytest.mark.parametrize("mode", MODES)
async def test_each_mode(mode: str, settings: Settings, tmp_path: Path) -> None:
    """Images belong to who uploaded them; a wrong credential is told in a line that does not repeat it."""
    (tmp_path / "a.jpg").write_bytes(jpeg().data)
    name = OPTIONS[mode]
    option, variable = f"--{name.replace('_', '-')}", f"CLOUD_IMAGES_{name.upper()}"
    async with service_in(mode, settings, tmp_path) as service:
        there = {**BARE, "CLOUD_IMAGES_URL": service.url}
        owner, other = (secret_of(service, mode, user) for user in (OWNER, OTHER))

        async def listed(environment: dict[str, str], *words: str) -> Ended:
            return await run({**there, **environment}, "list", "--status", "queued", *words, cwd=tmp_path)

        uploaded = await run({**there, variable: owner}, "upload", "--again", "--json", "a.jpg", cwd=tmp_path)
        assert uploaded.code == 0, uploaded
        image_id = json.loads(uploaded.out.splitlines()[0])["image_id"]
        assert image_id in (await listed({variable: owner})).out
        assert (await listed({variable: owner}, option, other)).out == "", "what is said beside it counts"
        wrong = await listed({variable: "/" if mode == "header" else f"{owner[:-8]}/wrong/"})
        assert "Say who is asking with --user, --api-key or --token" in wrong.complaint
        assert owner[:-8] not in wrong.err or mode == "header"
        async with Client(service.url, **{name: owner}) as client:  # type: ignore[arg-type]
            assert (await client.usage()).quota.images is None


async def test_words_count_for_more_than_the_environment(tmp_path: Path) -> None:
    """Also one kind of credential for another; empty variables are none."""
    async with odd(says(200, USAGE)) as server:
        around = {
            **BARE,
            "CLOUD_IMAGES_URL": "http://127.0.0.1:1",
            "CLOUD_IMAGES_TOKEN": "",
            "CLOUD_IMAGES_USER": "alice",
        }
        ended = await run(around, "usage", "--url", server.url, "--api-key", "k", cwd=tmp_path)
        assert (ended.code, ended.out) == (0, "1 image (no limit), 2 B (no limit)\n")
        assert (await run(around, "usage", "--url", server.url, cwd=tmp_path)).code == 0
    sent = [{name.lower(): text for name, text in asked.headers.items()} for asked in server.asked]
    assert (sent[0]["x-api-key"], sent[0].get("x-user-id")) == ("k", None)
    assert (sent[1].get("x-api-key"), sent[1]["x-user-id"]) == (None, "alice")


async def test_an_address_where_no_service_is(tmp_path: Path) -> None:
    """Nothing that is asked for can be had there, as when nobody answers; a wrong path of a service is the same."""
    for answer in (says(404), says(404, {"code": "not_found", "detail": "There is none."}), says(308, Location="/x")):
        async with odd(answer) as server:
            ended = await run({**BARE, "CLOUD_IMAGES_URL": f"{server.url}/nix"}, "usage", cwd=tmp_path)
        assert ended.complaint
    async with odd(says(404)) as server:
        assert "Is the service at this address? (http_404)" in (await usage_at(server.url, tmp_path)).complaint
    async with odd(speaks_no_http) as server:
        ended = await usage_at(server.url, tmp_path)
    assert ended.complaint == f"cloud-images: {server.url} answers something that is not HTTP. Is it https?"


async def usage_at(url: str, folder: Path) -> Ended:
    """`cloud-images usage` there."""
    return await run({**BARE, "CLOUD_IMAGES_URL": url}, "usage", cwd=folder)


async def test_a_closed_stdout(tmp_path: Path) -> None:
    """Bytes have nowhere to go then, and the line says so."""
    process = await asyncio.create_subprocess_shell(
        f'"{sys.executable}" -m service.cli get 0199a1f0-1234-7abc-8def-0123456789ab -o - >&-',
        env={"PATH": os.environ["PATH"], **BARE},
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    assert (process.returncode, err) == (2, b"cloud-images: stdout is closed.\n")


async def test_a_closed_stderr(tmp_path: Path) -> None:
    """As some schedulers have it: no terminal, and no reason to fail."""
    (tmp_path / "a.jpg").write_bytes(jpeg().data)
    page = says(200, {"images": [], "next_cursor": None, "direct_upload_from": None})
    async with odd(page, says(202, IMAGE)) as server:
        process = await asyncio.create_subprocess_shell(
            f'"{sys.executable}" -m service.cli upload a.jpg 2>&-',
            env={"PATH": os.environ["PATH"], **BARE, "CLOUD_IMAGES_URL": server.url},
            cwd=tmp_path,
        )
        assert await process.wait() == 0
