"""Decoder processes that a picture gets into its power: the real program in its real cage, with a hole in it."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.pictures import jpeg_progressive

MARK = b"attack:"
PROGRAM = """
import ctypes, os, struct, sys, time
sys.path[:0] = {path!r}
sys.argv[1:3] = []  # -m worker.decoder_child
from worker import decoder_child

out, honest, frame = sys.stdout.buffer, decoder_child.derive, decoder_child.frame

def derive(data, *more):
    misdeed = data.rpartition({mark!r})[2]
    if misdeed != data:
        exec(misdeed.decode(), globals())
    return honest(data, *more)

def say(*pieces):
    for piece in pieces:
        out.write(piece)
    out.flush()

def lie(change):
    '''Let `change` tamper with the header and the blobs of the answer.'''
    def tampered(header, *blobs):
        header, blobs = dict(header), list(blobs)
        change(header, blobs)
        return frame(header, *blobs)
    decoder_child.frame = tampered

decoder_child.derive = derive
decoder_child.main()
"""


def doing(misdeed: str) -> tuple[bytes, str]:
    """A sound JPEG that makes such a decoder do the misdeed; behind the picture, where all others overlook it."""
    return jpeg_progressive().data + MARK + misdeed.encode(), "image/jpeg"


@contextmanager
def hijackable(folder: Path) -> Iterator[None]:
    """All decoders that are started in this context have the hole."""
    hole, python = folder / "hole.py", folder / "python"
    hole.write_text(PROGRAM.format(path=sys.path, mark=MARK))
    # By way of a shell: a path with a space in it cannot stand behind "#!".
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(hole))} "$@"\n')
    python.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(python))
        yield
