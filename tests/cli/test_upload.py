"""`cloud-images upload`: which files it takes, what it says of each, and how it ends."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.processes import Ended
from tests.cli.conftest import Person
from tests.cli.odd import odd, problem, says
from tests.local_aws import free_port
from tests.pictures import MOST_BYTES, gif, jpeg, noise, png, webp

HEIC = b"\0\0\0\x18ftypheic" + bytes(100)


def lines(ended: Ended) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What `--json` says: of each file, and of all."""
    *files, last = map(json.loads, ended.out.splitlines())
    return files, last["summary"]


async def test_one(person: Person) -> None:
    """A line for it, and one for all; the image has what was said of it."""
    person.put("rocket.jpg", jpeg())
    ended = await person.run("upload", "rocket.jpg", "--title", "Rocket", "--tag", "sky,night", "--tag", "x", "--wait")
    assert (ended.code, ended.err) == (0, "")
    (image,) = await person.images()
    assert ended.out == f"ready     rocket.jpg  {image.image_id}\n1 file: 1 stored. 113 kB sent.\n"
    assert (image.title, image.tags, image.filename) == ("Rocket", ("sky", "night", "x"), "rocket.jpg")


async def test_a_folder(person: Person) -> None:
    """All images in it, by their bytes or by their names; but not what is hidden, or behind a link to a folder."""
    for name, data in {
        "a.jpg": jpeg().data,
        "b/b.PNG": png().data,
        "b/c/no-extension": gif().data,
        "b/copy.gif": gif().data,
        "broken.webp": b"not at all",
        "notes.txt": b"notes",
        "phone.heic": HEIC,
        ".hidden.jpg": webp().data,
        ".git/e.jpg": webp().data,
    }.items():
        person.put(name, data)
    (person.folder / "b/loop").symlink_to(person.folder)
    (person.folder / "dangling.jpg").symlink_to("nowhere")
    (person.folder / "linked.webp").symlink_to(person.put(".webp", webp()))
    os.mkfifo(person.folder / "fifo.jpg")
    ended = await person.run("upload", "--recursive", "--json", ".")
    files, summary = lines(ended)
    found = {one["file"]: one["outcome"] for one in files}
    assert found == {
        "a.jpg": "queued",
        "b/b.PNG": "queued",
        "b/c/no-extension": "queued",
        "b/copy.gif": "same",
        "broken.webp": "refused",
        "dangling.jpg": "failed",
        "fifo.jpg": "failed",
        "linked.webp": "queued",
        "notes.txt": "skipped",
        "phone.heic": "skipped",
    } or found == {**found, "b/c/no-extension": "same", "b/copy.gif": "queued"}
    assert ended.code == 1
    assert summary["files"] == 10
    assert (summary["queued"], summary["same"], summary["failed"], summary["skipped"]) == (4, 1, 2, 2)
    assert {image.filename for image in await person.images()} >= {"a.jpg", "b.PNG", "linked.webp"}
    assert len(await person.images()) == 4


async def test_equal_files(person: Person) -> None:
    """One image, under the name of the first of them, whichever ends first; all are told so."""
    names = [f"{n}.jpg" for n in range(6)]
    for name in names:
        person.put(name, jpeg())
    ended = await person.run("upload", *reversed(names), "--json", "-j", "6")
    files, summary = lines(ended)
    assert ended.code == 0
    assert (summary["queued"], summary["same"]) == (1, 5)
    assert {one["same_as"] for one in files} == {None, "5.jpg"}
    (image,) = await person.images()
    assert image.filename == "5.jpg"
    assert {one["image_id"] for one in files} == {image.image_id}
    again = await person.run("upload", *names)
    assert again.code == 0, "under another name first, it is another image"
    assert len(await person.images()) == 2


async def test_the_same_again(person: Person) -> None:
    """The same image; with other words another one; with --again yet another."""
    person.put("a.jpg", jpeg())
    words: list[list[str]] = [[], [], ["--title", "A"], ["--title", " A "], ["--tag", "x"], ["--again"], ["--again"]]
    for more in words:
        assert (await person.run("upload", "a.jpg", *more)).code == 0
    assert len(await person.images()) == 5


async def test_what_was_deleted(person: Person) -> None:
    """It does not come back by itself; the line says how."""
    person.put("a.jpg", jpeg())
    await person.run("upload", "a.jpg", "--wait")
    (image,) = await person.images()
    await person.run("delete", "--yes", image.image_id)
    ended = await person.run("upload", "a.jpg")
    assert ended.code == 1
    assert ended.out.startswith("refused   a.jpg  ")
    assert "--again" in ended.out
    assert (await person.run("upload", "a.jpg", "--again")).code == 0


async def test_a_batch_again_sends_nothing(person: Person) -> None:
    """Of ten files and more it is looked up first what is there."""
    for n in range(12):
        person.put(f"{n:02}.png", png().data + bytes(n))
    first, summary = lines(await person.run("upload", "-r", ".", "--json", "--wait", "-j", "8"))
    assert (summary["ready"], summary["sent"]) == (12, sum(len(png().data) + n for n in range(12)))
    again, summary = lines(await person.run("upload", "-r", ".", "--json"))
    assert (summary["present"], summary["sent"]) == (12, 0)
    ids = {one["file"]: one["image_id"] for one in first}
    assert {one["file"]: one["image_id"] for one in again} == ids
    _, summary = lines(await person.run("upload", "-r", ".", "--json", "--tag", "other"))
    assert summary["queued"] == 12, "with other tags they are other images"


async def test_files_that_are_none(person: Person) -> None:
    """Each with its reason; the others are uploaded all the same."""
    person.put("a.jpg", jpeg())
    person.put("empty.jpg", b"")
    person.put("text.jpg", b"text")
    person.put("large.jpg", noise(MOST_BYTES + 1))
    person.put("secret.jpg", jpeg()).chmod(0)
    named = ["a.jpg", "empty.jpg", "text.jpg", "large.jpg", "secret.jpg", "missing.jpg"]
    files, summary = lines(await person.run("upload", "--json", *named))
    found = {one["file"]: (one["outcome"], one["code"] or one["detail"]) for one in files}
    if os.geteuid() == 0:  # who may read everything
        assert found.pop("secret.jpg")[0] == "same"
    else:
        assert found.pop("secret.jpg") == ("failed", "Permission denied")
    assert found == {
        "a.jpg": ("queued", None),
        "empty.jpg": ("refused", "empty_body"),
        "text.jpg": ("refused", "signature_mismatch"),
        "large.jpg": ("refused", "too_large"),
        "missing.jpg": ("failed", "No such file or directory"),
    }
    assert summary["interrupted"] is False


async def test_what_the_worker_rejects(person: Person) -> None:
    """With --wait it is refused, and the exit code says so."""
    person.put("cut.jpg", jpeg().data[:60_000])
    ended = await person.run("upload", "--wait", "cut.jpg")
    assert ended.code == 1
    assert ended.out.startswith("refused   cut.jpg  ")
    assert "(truncated_image)" in ended.out or "(corrupt_image)" in ended.out


MISTAKES: list[tuple[list[str], str]] = [
    (["folder"], "folder is a folder; --recursive"),
    (["-r", "folder"], "There is no image in folder."),
    ([], "FILE"),
    (["-r", ""], "One of the names is empty."),
    (["a.jpg", "--concurrency", "0"], "--concurrency"),
    (["a.jpg", "--url", "nowhere"], "'nowhere' is not the URL"),
    (["a.jpg", "--user", "a", "--token", "b"], "give one of them"),
    (["a.jpg", "--user", "not/a/user"], "(invalid_user_id)"),
]


@pytest.mark.parametrize(("words", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
async def test_mistakes(person: Person, words: list[str], said: str) -> None:
    """2, and what is wrong; nothing is sent."""
    person.put("a.jpg", jpeg())
    (person.folder / "folder").mkdir()
    ended = await person.run("upload", *words)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert await person.images() == []


async def test_nobody_there(person: Person) -> None:
    """One line, soon; with --debug all of it."""
    person.put("a.jpg", jpeg())
    nowhere = f"http://127.0.0.1:{free_port()}"
    quiet = await person.run("upload", "a.jpg", "--url", nowhere)
    assert (quiet.code, quiet.err) == (2, f"cloud-images: {nowhere} does not answer: Connection refused.\n")
    assert quiet.out == ""
    loud = await person.run("upload", "a.jpg", "--url", nowhere, "--debug")
    assert loud.code == 2
    assert "Traceback" in loud.err
    assert "ClientConnectorError" in loud.err


async def test_nobody_asking(person: Person) -> None:
    """The line says how to say it."""
    person.put("a.jpg", jpeg())
    ended = await person.run("upload", "a.jpg", CLOUD_IMAGES_USER="")
    assert ended.code == 2
    assert "--user, --api-key or --token" in ended.complaint


async def test_no_service_of_ours(person: Person) -> None:
    """Some other server at that address."""
    person.put("a.jpg", jpeg())
    async with odd(says(200, {"hello": 1})) as server:
        ended = await person.run("upload", "a.jpg", "--url", server.url)
    assert "not this service" in ended.complaint


@pytest.mark.parametrize("code", ["quota_exceeded", "invalid_token"])
async def test_no_use_in_going_on(person: Person, code: str) -> None:
    """What ends one upload for a reason that holds for all ends all of them."""
    for n in range(8):
        person.put(f"{n}.jpg", jpeg().data + bytes(n))
    page = says(200, {"images": [], "next_cursor": None, "direct_upload_from": None})
    async with odd(page, problem(401 if code == "invalid_token" else 429, code)) as server:
        ended = await person.run("upload", "-r", ".", "-j", "2", "--url", server.url)
    assert ended.code == 2
    assert f"({code})" in ended.err
    assert "8 files: 8 not sent." in ended.out
    assert "run the same command again" in ended.out
    assert len(server.asked) <= 1 + 2


async def test_stdin(person: Person) -> None:
    """`-`, without a name."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", "upload", "-", "--json"),
        env={"PATH": os.environ["PATH"], **person.environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(webp().data)
    assert process.returncode == 0
    assert json.loads(out.splitlines()[0])["file"] == "-"
    (image,) = await person.images()
    assert (image.filename, image.content_type) == (None, "image/webp")


async def test_a_file_called_like_stdin(person: Person) -> None:
    """In a folder, or with `./` before it, it is a file."""
    person.put("-", webp())
    for words in (["-r", "."], ["./-"]):
        ended = await person.run("upload", *words, "--json")
        assert ended.code == 0
        assert json.loads(ended.out.splitlines()[0])["file"] == str(person.folder / "-")


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take no such names")
async def test_odd_names(person: Person) -> None:
    """Nothing of a name steers the terminal; the service gets one that it takes."""
    names = [b"\xff\xfe.jpg", b"new\nline.jpg", b"\x1b[31mred\x07.jpg", "[bold]ü‮gpj.jpg".encode(), b"-r.jpg"]
    for n, name in enumerate(names):
        Path(os.fsdecode(os.fsencode(person.folder) + b"/" + name)).write_bytes(jpeg().data + bytes(n))
    ended = await person.run("upload", "-r", ".", "--wait")
    assert (ended.code, ended.err) == (0, "")
    assert len(ended.out.splitlines()) == 6
    assert not {"\x1b", "\x07", "\u202e"} & set(ended.out)
    stored = {image.filename for image in await person.images()}
    assert stored == {"\ufffd\ufffd.jpg", "new_line.jpg", "_[31mred_.jpg", "[bold]ü\u202egpj.jpg", "-r.jpg"}
    listed = await person.run("list")
    assert len(listed.out.splitlines()) == 5
    assert not {"\x1b", "\x07", "\u202e"} & set(listed.out)


async def test_an_old_terminal(person: Person) -> None:
    """Characters that it has not become marks."""
    person.put("grüße.jpg", jpeg())
    ended = await person.run("upload", "grüße.jpg", PYTHONIOENCODING="ascii", LC_ALL="C.UTF-8")
    assert ended.code == 0
    assert "gr??e.jpg" in ended.out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
async def test_a_full_disk_behind_stdout(person: Person) -> None:
    """One line that says so, whether it is found out by the first line or by the last."""
    person.put("a.jpg", jpeg())
    for words in ("upload a.jpg", "usage"):
        process = await asyncio.create_subprocess_shell(
            f'"{sys.executable}" -m service.cli {words} > /dev/full',
            env={"PATH": os.environ["PATH"], **person.environment},
            cwd=person.folder,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
        assert (process.returncode, err) == (1, b"cloud-images: No space left on device\n")


async def test_a_reader_that_has_had_enough(person: Person) -> None:
    """No trace of Python when the pipe is closed."""
    for n in range(3):
        person.put(f"{n}.jpg", jpeg().data + bytes(n))
    environment = {"PATH": os.environ["PATH"], **person.environment}
    process = await asyncio.create_subprocess_shell(
        f'"{sys.executable}" -m service.cli upload -r . | {shutil.which("true")}',
        env=environment,
        cwd=person.folder,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    assert b"Traceback" not in err, err
    assert b"fault of its own" not in err, err
