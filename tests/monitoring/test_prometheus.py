"""A real Prometheus asks a real service and a real worker, and answers what the dashboard asks it."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.backstage import until
from tests.local_aws import free_port
from tests.monitoring.conftest import Running
from tests.monitoring.files import FOLDER, alerts, queries

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed (Debian: prometheus)"
)
NOTHING_YET = {"Sweeps A", "Sweeps B", "Deliveries that did not work A"}
"""They show nothing as long as nothing goes wrong."""


@asynccontextmanager
async def prometheus(running: Running, folder: Path) -> AsyncIterator[str]:
    """Prometheus with the rules that users get, and their jobs at these addresses; its URL."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(FOLDER / "alerts.yml")]
    for job, url in zip(config["scrape_configs"], (running.service.url, running.worker.url), strict=True):
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [url.partition("://")[2]]}]
    file, port = folder / "prometheus.yml", free_port()
    file.write_text(yaml.safe_dump(config))
    words = (
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec("prometheus", *words, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def test_the_dashboard_has_something_to_show(running: Running, tmp_path: Path) -> None:
    """Each query gives a number while the service is used, and no alert fires."""
    async with prometheus(running, tmp_path) as url, aiohttp.ClientSession() as session:

        async def answer(query: str) -> list[Any]:
            try:
                async with session.get(f"{url}/api/v1/query", params={"query": query}) as response:
                    said = await response.json()
            except aiohttp.ClientConnectionError:
                return []
            assert said["status"] == "success", (query, said)
            return [one for one in said["data"]["result"] if one["value"][1] != "NaN"]

        async def unanswered() -> set[str]:
            await running.use(2)
            asked = {title: query.replace("$__rate_interval", "1m") for title, query in queries().items()}
            return {title for title, query in asked.items() if not await answer(query)} - NOTHING_YET

        missing: set[str] = set(queries())

        async def all_answered() -> bool:
            nonlocal missing
            missing = await unanswered()
            return not missing

        try:
            await until(all_answered, pause=1, seconds=120)
        except TimeoutError:
            pytest.fail(f"no numbers for {sorted(missing)}; {(tmp_path / 'log').read_text()[-2000:]}")
        assert [one["metric"]["job"] for one in await answer("up == 1")]

        async def states() -> dict[str, tuple[str, str]]:
            async with session.get(f"{url}/api/v1/rules") as response:
                loaded = json.loads(await response.text())["data"]["groups"]
            return {
                rule["name"]: (rule["state"], rule["health"])
                for group in loaded
                for rule in group["rules"]
                if rule["type"] == "alerting"
            }

        # Who has not answered within a second, for once, is taken for away until the next time.
        quiet = dict.fromkeys(alerts(), ("inactive", "ok"))

        async def all_quiet() -> bool:
            return await states() == quiet

        with suppress(TimeoutError):
            await until(all_quiet, pause=0.5)
        assert await states() == quiet
