"""What a decoder in an image's power says is not believed, costs no memory, and harms no other image."""

import asyncio
import base64
import logging
import os
import re
import resource
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from service.settings.setting import MIB
from service.storage.objects import VARIANTS
from tests.backstage import decoder_pids, until
from tests.cage.hijack import doing, hijackable
from tests.conftest import settings_at
from tests.pictures import RED, encoded, jpeg_progressive, webp_animation
from worker.decoder import DecoderDied, Decoders, open_decoders
from worker.protocol import read_header
from worker.verdict import NotSound, Sound, most_bytes, read_verdict

NO_AWS = "http://127.0.0.1:9"
SECONDS = 2.0
PATIENT_SECONDS = 120.0
TRIES = 10
SIDES = {"thumb": 16}


def webp(width: int = 16, height: int = 12, kind: str = "WEBP") -> bytes:
    """One variant."""
    return encoded(Image.new("RGB", (width, height), RED), kind)


def honest() -> tuple[dict[str, Any], list[bytes]]:
    """What an undisturbed decoder answers."""
    facts = {"width": 160, "height": 120, "frames": 1, "placeholder": base64.b64encode(bytes(25)).decode()}
    return {"verdict": "sound", "variants": {"thumb": [16, 12]}, **facts}, [webp()]


Change = Callable[[dict[str, Any], list[bytes]], Any]


def _size(*size: Any) -> Change:
    return lambda header, blobs: header.update(variants={"thumb": list(size)})


def _blob(make: Callable[[], bytes]) -> Change:
    return lambda header, blobs: blobs.__setitem__(0, make())


def _animated() -> bytes:
    still = webp()
    return webp_animation(16, 12, (16, 12, still), (16, 12, still))


LIES: dict[str, Change] = {
    "no_verdict": lambda header, blobs: header.pop("verdict"),
    "unknown_verdict": lambda header, blobs: header.update(verdict="ready"),
    "verdict_of_another_kind": lambda header, blobs: header.update(verdict=["sound"]),
    "no_width": lambda header, blobs: header.pop("width"),
    "no_pixels": lambda header, blobs: header.update(width=0),
    "less_than_no_pixels": lambda header, blobs: header.update(height=-1),
    "not_a_number": lambda header, blobs: header.update(frames="1"),
    "nearly_a_number": lambda header, blobs: header.update(frames=True),
    "infinite": lambda header, blobs: header.update(width=float("inf")),
    "no_placeholder": lambda header, blobs: header.update(placeholder=None),
    "placeholder_not_base64": lambda header, blobs: header.update(placeholder="<script>"),
    "placeholder_too_long": lambda header, blobs: header.update(placeholder="A" * 1000),
    "no_variants": lambda header, blobs: header.pop("variants"),
    "variant_missing": lambda header, blobs: header.update(variants={}),
    "variant_nobody_asked_for": lambda header, blobs: header.update(variants={"../original": [16, 12]}),
    "variants_of_another_kind": lambda header, blobs: header.update(variants=["thumb"]),
    "no_bytes": lambda header, blobs: blobs.clear(),
    "more_bytes": lambda header, blobs: blobs.append(webp()),
    "no_size": _size(),
    "size_of_another_kind": _size("16", "12"),
    "another_size": _size(12, 16),
    "empty": _blob(lambda: b""),
    "a_page": _blob(lambda: b"<html><script>alert(1)</script>"),
    "a_page_in_disguise": _blob(lambda: webp()[:16] + b"<html><script>alert(1)</script>"),
    "another_format": _blob(lambda: webp(kind="PNG")),
    "cut": _blob(lambda: webp()[:-10]),
    "more_behind": _blob(lambda: webp() + b"<html>"),
    "animated": _blob(_animated),
    "too_large": lambda header, blobs: (_size(17, 17)(header, blobs), _blob(lambda: webp(17, 17))(header, blobs)),
    "unknown_reason": lambda header, blobs: header.update(verdict="not_sound", code="<script>", detail=""),
    "reason_of_another_kind": lambda header, blobs: header.update(verdict="not_sound", code=["x"], detail=""),
    "no_reason": lambda header, blobs: header.update(verdict="not_sound"),
    "reason_without_detail": lambda header, blobs: header.update(verdict="not_sound", code="corrupt_image"),
}


def test_what_is_true_is_believed() -> None:
    """Else the next test would show nothing."""
    header, blobs = honest()
    assert read_verdict(header, blobs, SIDES) == Sound(160, 120, 1, header["placeholder"], {"thumb": (16, 12, webp())})
    assert len(webp()) < most_bytes(SIDES)


@pytest.mark.parametrize("name", LIES)
def test_lies_are_told(name: str) -> None:
    """What passes is a WebP of the right size, and nothing else."""
    header, blobs = honest()
    LIES[name](header, blobs)
    with pytest.raises(ValueError, match=r"."):
        read_verdict(header, blobs, SIDES)


def test_the_reason_of_a_rejection_is_short_and_plain() -> None:
    """It goes into the record and the log."""
    said = {"verdict": "not_sound", "code": "corrupt_image", "detail": "broken\r\n\x1b[2J" + "x" * 10_000}
    verdict = read_verdict(said, [], SIDES)
    assert isinstance(verdict, NotSound)
    assert verdict.detail == "broken[2J" + "x" * 288


HEADERS = {
    "negative": b'{"blobs": [1000000000, -999999999]}',
    "too_many_bytes": b'{"blobs": [500, 501]}',
    "not_a_number": b'{"blobs": [1.5]}',
    "nearly_a_number": b'{"blobs": [true]}',
    "no_list": b'{"blobs": "12"}',
    "no_blobs": b"{}",
    "no_object": b"[1]",
    "no_json": b"<html>",
    "no_text": b"\xff\xfe",
    "deep": b"[" * 60_000,
    "long_number": b'{"blobs": [' + b"9" * 60_000 + b"]}",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lies_about_what_follows(name: str) -> None:
    """No more is read than was asked for."""
    assert read_header(b'{"blobs": [500, 500]}', 1000)
    with pytest.raises(ValueError, match=r"."):
        read_header(HEADERS[name], 1000)


# Through the pipes, by a real decoder process


@pytest.fixture(scope="module")
async def decoders(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Decoders]:
    """Two slots of processes that do what a picture tells them."""
    with hijackable(tmp_path_factory.mktemp("path with a space")):
        async with open_decoders(replace(settings_at(NO_AWS), decode_seconds=SECONDS), VARIANTS) as opened:
            yield opened


@pytest.fixture(scope="module")
async def patient(decoders: Decoders) -> AsyncIterator[Decoders]:
    """The same, but with time enough, however busy the machine is: for what ends before its time is over."""
    async with open_decoders(replace(settings_at(NO_AWS), decode_seconds=PATIENT_SECONDS), VARIANTS) as opened:
        yield opened


async def sound(decoders: Decoders) -> None:
    """Check that an innocent picture is decoded; a busy machine may need some tries in so little time."""
    for _ in range(TRIES):
        try:
            verdict = await decoders.decode(jpeg_progressive().data, "image/jpeg")
        except DecoderDied as error:
            if error.code != "decode_timeout":
                raise
        else:
            assert isinstance(verdict, Sound)
            return
    raise AssertionError("no sound picture was decoded in time")


async def died(decoders: Decoders, misdeed: str) -> str:
    """How the process ends that does this."""
    with pytest.raises(DecoderDied) as error:
        await decoders.decode(*doing(misdeed))
    return error.value.code


AN_ANSWER = "frame({'verdict': 'not_sound', 'code': 'corrupt_image', 'detail': ''})"
MISDEEDS = {
    # name: (what it does, how it ends)
    "segmentation_fault": ("ctypes.string_at(0)", "decoder_crashed"),
    "exit": ("sys.exit(0)", "decoder_crashed"),
    "forbidden": ("open('/etc/passwd')", "decoder_crashed"),
    "loop": ("while True: pass", "decode_timeout"),
    "loop_in_c": ("3 ** (1 << 30)", "decode_timeout"),
    "sleep": ("sys.stdin.buffer.read()", "decode_timeout"),
    "too_much_memory": ("bytearray(1 << 32)", "decoder_out_of_memory"),
    "says_so": ("lie(lambda header, blobs: header.update(verdict='out_of_memory'))", "decoder_out_of_memory"),
    "long_header": ("say(b'\\xff' * 8)", "decoder_crashed"),
    "long_blobs": ("say(frame({}, bytes(1 << 25)))", "decoder_crashed"),
    "answer_of_another": ("lie(lambda header, blobs: header.update(id='0' * 16))", "decoder_crashed"),
    "first_an_answer": (f"say({AN_ANSWER})", "decoder_crashed"),
    "lie": ("lie(lambda header, blobs: blobs.__setitem__(0, b'<html>'))", "decoder_crashed"),
    "half_an_answer": ("say(frame({}, bytes(99))[:50])\nwhile True: pass", "decode_timeout"),
    "flood": ("while True: say(struct.pack('>I', 1000) + b' ' * 1000)", "decoder_crashed"),
    "flood_of_errors": ("while True: sys.stderr.write('x' * 100_000)", "decode_timeout"),
}


@pytest.mark.parametrize("name", MISDEEDS)
async def test_a_misdeed_costs_one_image(decoders: Decoders, patient: Decoders, name: str) -> None:
    """It has an end and a reason; the neighbours in the other slot, and those that come after it, are decoded."""
    misdeed, code = MISDEEDS[name]
    decoders = decoders if code == "decode_timeout" else patient
    bad = asyncio.create_task(died(decoders, misdeed))
    await asyncio.sleep(0)
    await asyncio.gather(*(sound(decoders) for _ in range(3)))
    async with asyncio.timeout(SECONDS + 60):
        assert await bad == code
    await sound(decoders)


@pytest.mark.usefixtures("decoders")
async def test_a_process_that_says_more_than_it_was_asked_gets_no_other_image() -> None:
    """Its second answer would be taken for that of the next image, or spoil it."""
    twice = "decoder_child.frame = lambda *all: frame(*all) + frame({'id': 'x', 'verdict': 'out_of_memory'})"
    others = decoder_pids()
    async with open_decoders(replace(settings_at(NO_AWS), decoders=1), VARIANTS) as patient:
        assert isinstance(await patient.decode(*doing(twice)), Sound)
        before = decoder_pids() - others
        assert isinstance(await patient.decode(jpeg_progressive().data, "image/jpeg"), Sound)
        assert not decoder_pids() & before


async def test_floods_cost_the_worker_no_memory(decoders: Decoders) -> None:
    """However much comes from a pipe, little of it is taken."""
    await sound(decoders)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await died(decoders, MISDEEDS["long_blobs"][0])
    await died(decoders, MISDEEDS["flood"][0])
    await died(decoders, MISDEEDS["flood_of_errors"][0])
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 8 * MIB


async def test_a_process_that_has_just_been_ended_gets_no_image() -> None:
    """Also when the loop has had no time to hear of its end: the next image is innocent of it."""
    others = decoder_pids()
    async with open_decoders(replace(settings_at(NO_AWS), decoders=1), VARIANTS) as one:
        for _ in range(3):
            assert isinstance(await one.decode(jpeg_progressive().data, "image/jpeg"), Sound)
            (pid,) = decoder_pids() - others
            os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):  # asyncio's thread was faster
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 (so that the loop hears nothing)
        assert isinstance(await one.decode(jpeg_progressive().data, "image/jpeg"), Sound)


WORKS_ON = "works_on(*all):\n say(frame(*all))\n while True: pass\ndecoder_child.frame = works_on"


async def test_a_process_gets_no_cpu_between_two_images(decoders: Decoders) -> None:
    """One that works on for itself is ended by the system, and cannot prevent it."""
    await asyncio.gather(sound(decoders), sound(decoders))
    before = decoder_pids()
    assert isinstance(await decoders.decode(*doing(f"def {WORKS_ON}")), Sound)

    async def one_is_gone() -> bool:
        return len(before - decoder_pids()) == 1

    await until(one_is_gone)


async def test_the_last_words_of_a_decoder_are_logged(patient: Decoders, caplog: pytest.LogCaptureFixture) -> None:
    """In one line: what happened and where, and nothing that a picture has in it."""
    with caplog.at_level(logging.WARNING, "worker"):
        await died(patient, "sys.stderr.write('PIXELS' * 9_000 + '\\n\\x1b[2J'); open('/etc/passwd')")
    (line,) = [one.getMessage() for one in caplog.records if " said " in one.getMessage()]
    assert "4096 bytes: PermissionError" in line
    assert re.search(r"decoder_child\.py:\d+", line)
    assert line.isprintable()
    assert "PIXELS" not in line
    assert "passwd" not in line


async def test_an_answer_that_is_none_is_not_logged(patient: Decoders, caplog: pytest.LogCaptureFixture) -> None:
    """It may be the picture itself."""
    with caplog.at_level(logging.DEBUG):
        assert await died(patient, "say(struct.pack('>I', 1000) + b'PIXELS\\xff' + bytes(993))") == "decoder_crashed"
    lines = [one.getMessage() for one in caplog.records]
    assert any("gave no answer" in line for line in lines)
    assert "PIXELS" not in str(lines)
