"""Schemathesis against a running service with local AWS and worker: does it keep to `openapi.yaml`, whatever is sent?

`python -m tests.contract.run --schemathesis .fuzz/bin/schemathesis --seconds 40`; the rest of the words go to it.
"""

import argparse
import asyncio
import logging
import os
import sys
import tempfile
from pathlib import Path

from service.settings import Settings
from service.storage import open_storage
from service.storage.objects import VARIANTS
from service.storage.provision import provision
from tests import local_aws
from tests.backstage import final, working
from tests.bad_pictures import BAD, Bad
from tests.conftest import settings_at
from tests.driver import Client, client_of
from tests.pictures import Picture, gif_animated, jpeg_orientation_gps
from worker.decoder import open_decoders

HERE = Path(__file__).parent
USER = "contract"


async def _images(client: Client) -> list[str]:
    """Ids of two images that are ready, one that was rejected, and one of another user's."""
    pictures: tuple[Picture | Bad, ...] = (
        jpeg_orientation_gps(),
        gif_animated(),
        BAD["gif_unknown_code"],
        gif_animated(),
    )
    ids = []
    for owner, picture in zip((client, client, client, client.as_user("other")), pictures, strict=True):
        answer = await owner.upload(picture.data, picture.content_type)
        ids.append(str(answer.json["image_id"]))
        await final(owner, ids[-1])
    return ids


async def _run(settings: Settings, schemathesis: str, words: list[str]) -> int:
    await provision(settings)
    async with (
        open_storage(settings) as storage,
        open_decoders(settings, VARIANTS) as decoders,
        working(settings, storage, decoders),
        client_of(settings, USER) as client,
    ):
        variables = {"IMAGE_IDS": ",".join(await _images(client)), "SCHEMATHESIS_HOOKS": "tests.contract.hooks"}
        process = await asyncio.create_subprocess_exec(
            schemathesis,
            *("--config-file", str(HERE / "schemathesis.toml"), "run", f"{client.url}/openapi.json"),
            *("--url", client.url, "--header", f"X-User-Id:{USER}", *words),
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1]), **variables},
        )
        return await process.wait()


def main() -> None:
    """The exit code is Schemathesis's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemathesis", required=True, help="its command")
    parser.add_argument("--seconds", type=int, default=40)
    given, words = parser.parse_known_args()
    logging.basicConfig(level=logging.ERROR)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    with (
        tempfile.TemporaryDirectory() as folder,
        local_aws.running(local_aws.free_port(), Path(folder) / "log") as endpoint,
    ):
        code = asyncio.run(
            _run(
                settings_at(endpoint, wait_seconds=1.0, events_seconds=1.0),
                given.schemathesis,
                [f"--max-time={given.seconds}", *words],
            )
        )
    sys.exit(code)


if __name__ == "__main__":
    main()
