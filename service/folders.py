"""Temporary folders that are gone with their process: also when it is killed, as the next one removes them."""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def own_folder(prefix: str) -> Iterator[Path]:
    """A new folder of this process and those that it forks, removed when the context is left.

    Those of this prefix and user that no living process has are removed first.

    :raises OSError: there is no place for temporary files.
    """
    _sweep(prefix)
    folder, lock = _locked(prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked(prefix: str) -> tuple[Path, int]:
    """A folder, and the descriptor that holds its lock: forked processes have it too, so it ends with the last one."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        # Between these lines somebody else's sweep may take it for a dead one's.
        with suppress(FileNotFoundError):
            if (lock := _lock(folder)) is not None:
                if folder.exists():
                    return folder, lock
                os.close(lock)


def _lock(folder: Path) -> int | None:
    """A descriptor with the folder's lock; None when it is another user's, or another process has it.

    :raises OSError: it is no folder; a link to one is none.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(opened).st_uid == os.geteuid():
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return opened
    except BlockingIOError:
        pass
    except BaseException:
        os.close(opened)
        raise
    os.close(opened)
    return None


def _sweep(prefix: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        # Each may be gone meanwhile, or be of somebody else.
        with suppress(OSError):
            if stat.S_ISDIR(folder.lstat().st_mode) and (lock := _lock(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
