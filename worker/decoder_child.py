"""The decoder process: reads images from its stdin, answers on its stdout, knows nothing else of the world.

`python -m worker.decoder_child MEMORY_BYTES [unfiltered]`; ends when its stdin does.
"""

import sys
from typing import Any, BinaryIO

from worker import cage
from worker.protocol import frame, header_length, read_header

# thash would load it where it happens to be installed, and take a good part of the memory that images may use.
sys.modules["numpy"] = None  # type: ignore[assignment]

from worker.picture import Bounds, NotSound, derive  # noqa: E402

BYTES_OF_A_PIXEL = 18
"""What the hungriest decoder takes for a pixel, measured over all formats at 49 megapixels: WebP with alpha."""


def main() -> None:
    """Serve until the pipe closes."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    caged = cage.enter(int(sys.argv[1]), filtered="unfiltered" not in sys.argv[2:])
    answers.write(frame({"unfiltered": caged.unfiltered}))
    answers.flush()
    while prefix := requests.read(4):
        header = read_header(_exactly(requests, header_length(prefix)))
        (data,) = (_exactly(requests, length) for length in header["blobs"])
        answers.write(_answer(data, header, caged))
        answers.flush()


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        sys.exit(0)  # the parent is gone
    return data


def _answer(data: bytes, header: dict[str, Any], caged: cage.Cage) -> bytes:
    room, asked = caged.room(), {"id": header["id"]}
    try:
        bounds = Bounds(**header["bounds"])
        derived = derive(data, str(header["content_type"]), bounds)
    except NotSound as error:
        # Most decoders do not say that it was memory that they lacked, and an image must not be rejected for that.
        if room < max(error.pixels, header["pixels"]) * BYTES_OF_A_PIXEL:
            return frame(asked | {"verdict": "out_of_memory"})
        return frame(asked | {"verdict": "not_sound", "code": error.code, "detail": error.detail})
    except MemoryError:
        return frame(asked | {"verdict": "out_of_memory"})
    sizes = {name: [width, height] for name, (width, height, _) in derived.variants.items()}
    facts = {"width": derived.width, "height": derived.height, "frames": derived.frames}
    return frame(
        asked | facts | {"verdict": "sound", "placeholder": derived.placeholder, "variants": sizes},
        *(content for _, _, content in derived.variants.values()),
    )


if __name__ == "__main__":
    main()
