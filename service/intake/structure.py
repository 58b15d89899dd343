"""Walks the structure of an image file while its bytes arrive, keeping none of them.

Each format has a walker (`service.intake.walkers`): a generator that yields what it needs next and never sees how the
bytes were split, so the verdict cannot depend on that. It may yield

- a positive number: give me that many bytes;
- a negative number: skip that many;
- `SUB_BLOCKS`: skip a chain of GIF data sub-blocks (a length byte, that many bytes, …, until a length of 0).

A walker raises `Refused` at the first thing that no sound image has, and returns after the last byte it cares about.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from service.errors import Refused

SUB_BLOCKS = 0
MAX_STEPS = 50_000
"""Most answers a walker may get: sound files need a few thousand, files made to keep a server busy need millions."""

Walker = Generator[int, bytes, None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as sane: `max_pixels` is width × height × frames."""

    max_pixels: int
    max_side: int
    max_frames: int


class Shape:
    """Width, height and frames as a walker finds them, held to the limits at every change."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.width = 0
        self.height = 0
        self.frames = 1
        self.complete = False
        """Whether the file could end here; only for formats whose end shows in nothing but the end of the bytes."""

    def grow(self, width: int, height: int) -> None:
        """Note an extent in pixels; an image is as large as the largest that its file names."""
        if width < 1 or height < 1:
            raise Refused("invalid_image", "The image has no width or no height.")
        self.width, self.height = max(self.width, width), max(self.height, height)
        self._check()

    def count(self, frames: int) -> None:
        """Note that there are at least `frames` frames."""
        self.frames = max(self.frames, frames)
        self._check()

    def _check(self) -> None:
        limits = self.limits
        if self.frames > limits.max_frames:
            raise Refused("too_many_frames", f"An animation may have at most {limits.max_frames} frames.")
        if max(self.width, self.height) > limits.max_side:
            raise Refused("too_many_pixels", f"Width and height may be at most {limits.max_side} pixels each.")
        if self.width * self.height * self.frames > limits.max_pixels:
            raise Refused(
                "too_many_pixels",
                f"The image has {self.width} × {self.height} × {self.frames} pixels; "
                f"at most {limits.max_pixels} over all frames are taken.",
            )


class Walk:
    """Feeds a walker from chunks of any size.

    :raises Refused: from both methods, when the image is not sound.
    """

    def __init__(self, walker: Callable[[Shape], Walker], limits: Limits) -> None:
        self.shape = Shape(limits)
        self._walker = walker(self.shape)
        self._held = bytearray()
        self._over = False
        self._steps = 0
        self._want = next(self._walker)

    def feed(self, chunk: bytes) -> None:
        """Walk on over the next bytes of the file."""
        at, end = 0, len(chunk)
        while at < end and not self._over:
            if self._want > 0:
                missing = self._want - len(self._held)
                piece = chunk[at : at + missing]
                at += missing
                if at > end:
                    self._held += piece
                else:
                    # Nearly always all of it is in one chunk, and need not be copied once more.
                    given = bytes(self._held) + piece if self._held else piece
                    self._held.clear()
                    self._next(given)
            elif self._want < 0:
                at -= self._want
                if at <= end:
                    self._next(b"")
                else:
                    self._want = end - at
            else:
                at = self._skip_sub_blocks(chunk, at)

    def _skip_sub_blocks(self, chunk: bytes, at: int) -> int:
        """Where in `chunk` the chain ends.

        When it goes on behind the chunk, `_held` keeps how many bytes of a sub-block are still to come.
        """
        end = len(chunk)
        if self._held:
            at += self._held.pop()
        while at < end:
            length = chunk[at]
            at += length + 1
            if not length:
                self._next(b"")
                return at
        if at > end:
            self._held.append(at - end)
        return at

    def _next(self, given: bytes) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise Refused("invalid_image", "The image is in more pieces than any sound one.")
        try:
            self._want = self._walker.send(given)
        except StopIteration:
            self._over = True

    def finish(self) -> Shape:
        """The shape of the whole file, once all bytes have been fed."""
        if not self._over and not self.shape.complete:
            raise Refused("truncated_image", "The image ends before its format says it does.")
        if not self.shape.width:
            raise Refused("invalid_image", "The image says nowhere how large it is.")
        return self.shape
