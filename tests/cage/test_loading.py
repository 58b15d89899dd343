"""What a decoder needs is loaded before it is caged, and the cage changes nothing that it makes of a picture."""

import asyncio
import base64
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from service.storage.objects import VARIANTS
from tests.backstage import decoder_pids
from tests.bad_pictures import ONLY_DECODING_TELLS, Bad
from tests.conftest import settings_at
from tests.pictures import SOUND, Picture, jpeg_progressive
from worker import picture
from worker.decoder import Decoders, DecoderUnavailable, open_decoders
from worker.verdict import Sound

NO_AWS = "http://127.0.0.1:9"
PICTURES: list[Picture | Bad] = [*SOUND, *ONLY_DECODING_TELLS.values()]
EVERY = {one.name: one for one in PICTURES}
LOADING = """
import base64, json, sys
from contextlib import suppress
from worker.picture import derive
from worker.picture import Bounds, NotSound
bounds = Bounds(50_000_000, 900, {"thumb": 256})
loaded = set(sys.modules)
for line in sys.stdin:
    content_type, data = line.split()
    with suppress(NotSound):
        derive(base64.b64decode(data), content_type, bounds)
print(json.dumps(sorted(set(sys.modules) - loaded)))
"""


def test_nothing_is_loaded_while_a_picture_is_decoded() -> None:
    """In the cage it could not be, and a sound picture would fail for it."""
    lines = "".join(f"{one.content_type} {base64.b64encode(one.data).decode()}\n" for one in EVERY.values())
    answer = subprocess.run([sys.executable, "-c", LOADING], input=lines, capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"


@pytest.fixture(scope="module")
async def filtered() -> AsyncIterator[Decoders]:
    """In the whole cage; where it could not be had, they would not start."""
    async with open_decoders(replace(settings_at(NO_AWS), decoder_seccomp="required"), VARIANTS) as opened:
        yield opened


@pytest.fixture(scope="module")
async def unfiltered() -> AsyncIterator[Decoders]:
    """Without a filter of their system calls."""
    async with open_decoders(replace(settings_at(NO_AWS), decoder_seccomp="off"), VARIANTS) as opened:
        yield opened


@pytest.mark.parametrize("name", EVERY)
async def test_the_filter_changes_no_verdict(filtered: Decoders, unfiltered: Decoders, name: str) -> None:
    """Variants and placeholder are the same to the byte; of what is broken, so is the reason."""
    one = EVERY[name]
    with_filter = await filtered.decode(one.data, one.content_type)
    assert with_filter == await unfiltered.decode(one.data, one.content_type)
    assert isinstance(with_filter, Sound) == (one in SOUND)


@pytest.fixture
def without_seccomp(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A system that knows no filter: the machine that Python names is one that the filter does not know."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "sitecustomize.py").write_text("import platform\nplatform.machine = lambda: 'riscv64'\n")
    monkeypatch.syspath_prepend(folder)


@pytest.mark.usefixtures("without_seccomp")
async def test_a_system_without_filters_decodes_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Once, not for every process."""
    others, images = decoder_pids(), [jpeg_progressive().data] * 4
    with caplog.at_level(logging.WARNING, "worker"):
        async with open_decoders(settings_at(NO_AWS), VARIANTS) as decoders:
            verdicts = await asyncio.gather(*(decoders.decode(data, "image/jpeg") for data in images))
            assert len(decoder_pids() - others) == 2
    assert all(isinstance(verdict, Sound) for verdict in verdicts)
    assert ["riscv64" in one.getMessage() for one in caplog.records] == [True]


@pytest.mark.usefixtures("without_seccomp")
async def test_who_requires_the_filter_decodes_nothing_without_it() -> None:
    """No image is judged for that: it waits, as in any outage."""
    async with open_decoders(replace(settings_at(NO_AWS), decoder_seccomp="required"), VARIANTS) as decoders:
        with pytest.raises(DecoderUnavailable, match="riscv64"):
            await decoders.decode(jpeg_progressive().data, "image/jpeg")


def test_a_cage_that_is_too_narrow_rejects_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a decoder may not do is no fault of the picture: it ends the process, and the image comes again."""

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(picture, "first_frame", refused)
    with pytest.raises(PermissionError):
        picture.derive(jpeg_progressive().data, "image/jpeg", picture.Bounds(10**6, 1, {"thumb": 16}))
