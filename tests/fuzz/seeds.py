"""Inputs to begin with: small pictures, forms, events and messages of the other tests, one file each.

`python -m tests.fuzz.seeds FOLDER` writes them into one folder a target.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

from service.http.parameters import write_cursor
from service.images import Receipt
from tests import pictures
from tests.bad_pictures import BAD
from tests.bad_requests import BAD_LISTS, BAD_WORDS
from tests.forms import BAD_FORMS, FILENAMES, PNG, file_part, word_part
from tests.forms import BOUNDARY as LONG_BOUNDARY
from tests.fuzz.targets import BOUNDARY, ID, SPANS
from tests.serverless.events import Asked
from tests.serverless.senders import KINDS
from tests.serverless.test_unknown_events import NO_REQUEST

MOST_BYTES = 1_500
RECIPE = bytes((6, 0, 30, 254))
"""Pieces of 7, 1, 31 and then 255 bytes."""


def _small() -> dict[str, list[bytes]]:
    image = Image.linear_gradient("L").resize((24, 16)).convert("RGB")
    frames = [image, image.rotate(180)]
    animated = {"save_all": True, "append_images": frames[1:], "duration": 40}
    still = pictures.encoded(image, "WEBP", quality=20)
    return {
        "jpeg": [pictures.encoded(image, "JPEG", quality=20, progressive=True)],
        "png": [
            pictures.apng_of(3),
            pictures.encoded(image, "PNG", **animated),
            pictures.encoded(image.quantize(4), "PNG", transparency=0),
        ],
        "gif": [pictures.gif_of(4, 4, 3), pictures.encoded(image.quantize(8), "GIF", **animated)],
        "webp": [
            pictures.webp_of(4, 4, 3),
            still,
            pictures.riff((b"VP8X", b"\x08\0\0\0\x17\0\0\x0f\0\0"), (b"VP8 ", still[20:]), (b"EXIF", b"odd")),
        ],
        "avif": [pictures.avif_of(frames)],
    }


def _inputs() -> Iterator[tuple[str, bytes]]:
    small = _small()
    for kind, made in small.items():
        bad = [one.data for one in BAD.values() if one.content_type == f"image/{kind}"]
        for data in (pictures.TINY[f"image/{kind}"].data, *made, *bad):
            yield kind, RECIPE + data
    sound = [
        file_part(PNG) + word_part("title", "Möwe") + word_part("tags", "sea,sun"),
        *(file_part(PNG, None, name) for name in FILENAMES.values()),
    ]
    for body in (*(one.body for one in BAD_FORMS), *(parts + f"--{LONG_BOUNDARY}--\r\n".encode() for parts in sound)):
        yield "form", RECIPE + body.replace(LONG_BOUNDARY.encode(), BOUNDARY.encode())
    yield "image_id", ID.encode()
    yield "cursor", ID.encode()
    for filters in SPANS:
        yield "cursor", write_cursor(ID, filters).encode()
    for text in ("2026-01-31T12:00:00Z", "2026-02-28", "ready", "image/png", "asc", "200", "a,b", "naïve.png"):
        yield "words", text.encode()
    for _, given in BAD_WORDS.values():
        yield from (("words", text.encode()) for text in given.values())
    for _, query in BAD_LISTS.values():
        yield "words", unquote(query.partition("=")[2]).encode()
    asked = Asked("POST", "/v1/images", "title=a%20b&x", (("Content-Type", "image/png"), ("Cookie", "a=1; b=2")), PNG)
    events = [*(kind.event(asked, "alice") for kind in KINDS), *NO_REQUEST.values()]
    yield from (("event", json.dumps(event).encode()) for event in events)
    yield from (("message", text.encode()) for text in _messages())


def _messages() -> Iterator[str]:
    yield Receipt(user_id="alice", image_id=ID, content_type="image/png", size=5, title="Möwe", tags=("sea",)).message
    created = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Post"}
    key = {"s3": {"bucket": {"name": "b"}, "object": {"key": f"direct/al+ice%40b/{ID}", "size": 5}}}
    yield json.dumps({"Records": [created | key]})
    yield json.dumps({"Records": [created | key, {"eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete"} | key]})
    yield json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})
    yield "[" * 200


def main() -> None:
    """Write the inputs that are small enough, numbered."""
    folder = Path(sys.argv[1])
    for number, (name, data) in enumerate(_inputs()):
        if len(data) <= MOST_BYTES:
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / f"{number:04}").write_bytes(data)


if __name__ == "__main__":
    main()
