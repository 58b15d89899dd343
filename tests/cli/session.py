"""A session at the command line, as it is recorded in docs/command-line.md: `python -m tests.cli.session`."""

import asyncio
import os
import re
import shutil
import tempfile
from pathlib import Path

from service.http.server import serving
from service.storage import open_storage
from service.storage.objects import VARIANTS
from service.storage.provision import provision
from tests import local_aws
from tests.backstage import working
from tests.cli.conftest import Person
from tests.cli.terminal import on_terminal
from tests.conftest import settings_at
from tests.pictures import PHOTOS
from worker.decoder import open_decoders

PAGE = Path(__file__).parent.parent.parent / "docs/command-line.md"
BEGIN, END = "<!-- session -->\n```console\n", "```\n<!-- end of session -->"
STEPS = (
    "upload photos/rocket.jpg --title Rocket --tag space,night --wait",
    "upload --recursive --wait photos/",
    "list",
    "list --tag space --limit 1 --json",
    "show $ID",
    "tag $ID --remove night --add launch",
    "get $ID --variant thumb -o thumb.webp",
    "usage",
    "delete --yes $ID",
    "show $ID",
    "usage --url http://127.0.0.1:1",
)
"""`$ID` is the image of the first step."""
CHANGING = (
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d\.\d+Z)?"), "<time>"),
)


async def record(person: Person) -> str:
    """Go through the session; what stands on the terminal in the end."""
    shutil.copytree(PHOTOS, person.folder / "photos")
    (person.folder / "photos/broken.png").write_bytes(b"This is no picture.")
    shown, image_id = "", ""
    # Without colours and bars, which leave nothing behind.
    environment = {**person.environment, "TERM": "dumb"}
    for step in STEPS:
        words = step.replace("$ID", image_id).split()
        async with on_terminal(environment, *words, cwd=person.folder, columns=108) as terminal:
            code = await terminal.ends()
        said = "\n".join(line.rstrip() for line in terminal.text.replace("\r", "").splitlines())
        shown += f"$ cloud-images {step}\n{said.rstrip()}\n" + (f"$ echo $?\n{code}\n" if code else "") + "\n"
        if not image_id:
            found = CHANGING[0][0].search(said)
            assert found, said
            image_id = found[0]
    return shown.rstrip("\n") + "\n"


def recorded() -> str:
    """The session that is in the page."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def same_in(text: str) -> list[str]:
    """What is the same each time: not ids and times, nor the order of uploads, nor how wide a column is."""
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    steps = [sorted(" ".join(line.split()) for line in step.splitlines()) for step in text.split("\n\n")]
    return ["\n".join(step) for step in steps]


async def main() -> None:
    """Record it into the page."""
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    with (
        tempfile.TemporaryDirectory() as folder,
        local_aws.running(local_aws.free_port(), Path(folder) / "log") as endpoint,
    ):
        settings = settings_at(endpoint)
        await provision(settings)
        async with (
            open_storage(settings) as storage,
            open_decoders(settings, VARIANTS) as decoders,
            working(settings, storage, decoders),
            serving(settings) as url,
        ):
            home = Path(folder) / "home"
            home.mkdir()
            text = await record(Person(url, "alice", home))
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}{text}{END}{after}")


if __name__ == "__main__":
    asyncio.run(main())
