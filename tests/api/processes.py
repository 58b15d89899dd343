"""The command line in processes of its own, in the environment that a user would have."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from service.settings import Settings

SECONDS = 120.0
"""After that a process that does not end fails the test."""
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
Environment = Mapping[str, str]


def environment(settings: Settings | None = None, **more: str) -> dict[str, str]:
    """What README says to set, to reach the AWS of these settings under the names in them, and `more`."""
    ours: dict[str, str] = {}
    if settings is not None:
        ours = {
            "AWS_ENDPOINT": str(settings.endpoint_s3),
            "IMAGE_BUCKET": settings.bucket,
            "IMAGES_TABLE": settings.table,
            "IMAGE_QUEUE": settings.queue,
            "IMAGE_DEAD_LETTER_QUEUE": settings.dead_letter_queue,
        }
    return {"PATH": os.environ["PATH"], **CREDENTIALS, **ours, **more}


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line that tells the user what to mend."""
        assert "Traceback" not in self.err, self.err.splitlines()[-1]
        assert self.code == 2, self
        (line,) = [line for line in self.err.splitlines() if line.startswith("cloud-images: ")]
        assert self.err.endswith(f"{line}\n"), self.err
        return line


@asynccontextmanager
async def started(
    environment: Environment, *words: str, cwd: Path | None = None, output: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`cloud-images` with these words; killed if it still runs at the end. Output goes to a file, or to pipes."""
    with (output or Path(os.devnull)).open("ab") as file:
        to = file if output else asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "service.cli", *words, env=environment, cwd=cwd, stdout=to, stderr=to
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run(environment: Environment, *words: str, cwd: Path | None = None, seconds: float = SECONDS) -> Ended:
    """Run `cloud-images` with these words to its end."""
    async with started(environment, *words, cwd=cwd) as process:
        out, err = await asyncio.wait_for(process.communicate(), seconds)
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())
