"""Which files of what the user named are to be uploaded."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from service.cli.ending import Mistake
from service.cli.upload import STDIN
from service.remote.content import HEAD, kind_of, kind_of_name


@dataclass
class Found:
    """What there is to do.

    `files` in the order in which they were named, those of folders by name; `skipped` are files of folders that are no
    images; `wrong` are files that cannot be read, with why.
    """

    files: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    wrong: dict[Path, str] = field(default_factory=dict)


def find(named: Iterable[str], *, recursive: bool) -> Found:
    """Look at all that is named. Files named by themselves are always tried: the service says what is wrong with them.

    :raises Mistake: a folder without `recursive`, or an empty name.
    """
    found, seen = Found(), set[str]()
    for name in dict.fromkeys(named):
        if not name:  # of a variable that is not set, mostly; to Path it is the folder where one is
            raise Mistake("One of the names is empty.")
        path = Path(name)
        if name == STDIN:
            found.files.append(path)
        elif not path.is_dir():
            _add(found, path, seen, picked=True)
        elif not recursive:
            raise Mistake(f"{name} is a folder; --recursive uploads the images in it.")
        else:
            for inner in _walk(path, found):
                _add(found, inner, seen, picked=False)
    return found


def _walk(folder: Path, found: Found) -> Iterator[Path]:
    """Files below a folder, without hidden ones; links to folders are not followed, so there are no loops."""

    def unreadable(error: OSError) -> None:
        found.wrong[Path(error.filename)] = error.strerror or str(error)

    for at, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(at, name) for name in sorted(files) if not name.startswith("."))


def _add(found: Found, path: Path, seen: set[str], *, picked: bool) -> None:
    """`picked`: the user named it itself."""
    if str(path) == STDIN:
        path = path.absolute()  # a file of that name, as in `./-`
    real = os.path.realpath(path)
    if real in seen:
        return
    seen.add(real)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            # A pipe or a device could be waited for without end.
            raise OSError(None, "is no file")
        with path.open("rb") as file:
            is_image = picked or kind_of(file.read(HEAD)) or kind_of_name(path.name)
    except OSError as error:
        found.wrong[path] = error.strerror or str(error)
        return
    (found.files if is_image else found.skipped).append(path)
