"""What thousands of images do to a worker: memory, descriptors and threads of it and of its decoders, as they go by.

`python -m tests.cage.soak [IMAGES]` (10,000): a worker process with a local AWS of its own, small pictures of all
formats, every tenth not sound. Prints a line of figures every so many images, and the growth from a tenth of them on.
"""

import asyncio
import hashlib
import itertools
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from service.images import Receipt, new_image_id
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.provision import provision
from tests import local_aws
from tests.backstage import Backstage, backstage_of, cloud_images, decoder_pids
from tests.bad_pictures import ONLY_DECODING_TELLS, Bad
from tests.conftest import settings_at
from tests.pictures import SOUND, Picture

USER = "soak"
WAITING = 200
"""As many messages wait for the worker at most."""
AT_ONCE = 16
SMALL = 100_000
PAUSE = 0.2


@dataclass(frozen=True)
class Sample:
    """The worker after `images`; memory is the resident set in KiB, of the decoders that of all together."""

    images: int
    worker: int
    decoders: int
    descriptors: int
    threads: int

    def __str__(self) -> str:
        return (
            f"{self.images:>6} images: worker {self.worker:>6} KiB, decoders {self.decoders:>6} KiB, "
            f"{self.descriptors} descriptors, {self.threads} threads"
        )


def mix() -> Iterator[Picture | Bad]:
    """Small pictures of all formats for ever; every tenth has an error that only decoding shows."""
    sound = itertools.cycle([picture for picture in SOUND if len(picture.data) < SMALL])
    broken = itertools.cycle(ONLY_DECODING_TELLS.values())
    while True:
        yield from itertools.islice(sound, 9)
        yield next(broken)


async def put(storage: Storage, picture: Picture | Bad) -> None:
    """Stage a picture and send its message, as the service does."""
    digest = hashlib.sha256(picture.data).hexdigest()
    receipt = Receipt(
        user_id=USER,
        image_id=new_image_id(),
        content_type=picture.content_type,
        size=len(picture.data),
        sha256=digest,
        width=1,
        height=1,
        frames=1,
    )
    await storage.objects.put_staged(receipt, [picture.data])
    await storage.queue.send(receipt.message)


def look(pid: int, images: int) -> Sample:
    """The worker `pid` at this moment."""
    decoders = sum(_status(decoder, "VmRSS") for decoder in decoder_pids(pid))
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(images, _status(pid, "VmRSS"), decoders, descriptors, _status(pid, "Threads"))


def _status(pid: int, name: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
    return 0


async def feed(storage: Storage, backstage: Backstage, images: int) -> AsyncIterator[int]:
    """Give the worker so many images; yields how many are done, again and again, until all are."""
    pictures, sent, done = mix(), 0, 0
    while done < images:
        more = min(images - sent, WAITING - (sent - done))
        for _ in range(0, more, AT_ONCE):
            few = min(AT_ONCE, images - sent)
            await asyncio.gather(*(put(storage, next(pictures)) for _ in range(few)))
            sent += few
        await asyncio.sleep(PAUSE)
        done = sent - await backstage.messages()
        yield done


@asynccontextmanager
async def soaking(settings: Settings) -> AsyncIterator[tuple[int, Storage, Backstage]]:
    """A worker process on a queue of its own, with one decoder process a core; its pid."""
    await provision(settings)
    async with (
        open_storage(settings) as storage,
        backstage_of(settings) as backstage,
        cloud_images(settings, "worker") as worker,
    ):
        yield worker.pid, storage, backstage


async def soak(settings: Settings, images: int, every: int) -> list[Sample]:
    """Give a worker process so many images; a sample about every so many of them."""
    samples: list[Sample] = []
    async with soaking(settings) as (pid, storage, backstage):
        async for done in feed(storage, backstage, images):
            if done >= (len(samples) + 1) * every:
                samples.append(look(pid, done))
                print(samples[-1], flush=True)
        assert not await backstage.dead_letters()
    return samples


def report(samples: list[Sample]) -> str:
    """The growth from the first tenth of the images to the end."""
    last = samples[-1]
    first = next(sample for sample in samples if sample.images >= last.images // 10)
    images = last.images - first.images
    worker, decoders = last.worker - first.worker, last.decoders - first.decoders
    return (
        f"from image {first.images} to {last.images}: "
        f"worker {worker:+} KiB ({worker * 1024 / images:+.0f} bytes an image), "
        f"decoders {decoders:+} KiB ({decoders * 1024 / images:+.0f} bytes an image), "
        f"descriptors {last.descriptors - first.descriptors:+}, threads {last.threads - first.threads:+}"
    )


def main() -> None:
    """Soak a worker."""
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    # Not the developer's AWS, but the local one.
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    with tempfile.TemporaryDirectory() as folder, local_aws.running(local_aws.free_port(), Path(folder) / "log") as url:
        print(report(asyncio.run(soak(settings_at(url, log_level="ERROR"), images, max(1, images // 20)))))


if __name__ == "__main__":
    main()
