"""Messages that no worker of this version can do anything with, each with a reason of its own."""

import json
from typing import Any

from service.images import MAX_BYTES, MESSAGE_VERSION, Receipt

WRONG: dict[str, list[Any]] = {
    "v": [MESSAGE_VERSION + 1, 0, -1, "1", True, 1.0, None, [1], 10**30],
    "user_id": [
        "",
        "a/b",
        "../alice",
        "alice/",
        "#",
        "idempotency#alice",
        "ü",
        "a" * 129,
        None,
        5,
        ["alice"],
        {},
        "a\n",
    ],
    "image_id": ["", "x", "../../etc/passwd", "4f5a8d1e-3f0a-4c52-9d0a-0d6f0f6f0f6f", None, 7, [], True],
    "content_type": ["", "image/svg+xml", "text/html", "image/jpeg\r\n", None, 5, ["image/jpeg"], {}],
    "size": [-1, MAX_BYTES + 1, 10**30, 1.5, "5", None, True, [], 1e400],
    "sha256": ["x", "0" * 63, "G" * 64, "0" * 64 + "\n", None, 5, ["0" * 64]],
    "width": [-1, 10**30, 65_536, "8", None, 1.5, True, [8]],
    "height": [-1, 10**30, 65_536, "8", None, 1.5, True, [8]],
    "frames": [-1, 10**30, 100_001, "1", None, True, {}],
    "filename": [5, ["a"], {}, False, "\ud800"],
    "title": [5, ["a"], {}, True, "a\udfffb"],
    "tags": ["abc", None, 5, {}, [5], [None], [["a"]], ["\ud800"], {"a": 1}],
    "shape": ["round"],
}
SHAPES = [
    *("", " ", "no JSON", "null", "5", '"text"', "[]", "{}", "true", "NaN", '{"v":1}', "\ufeff{}", "{" * 50),
    *("[" * 200_000, '{"v":' * 100_000, "9" * 6_000, "x" * 250_000),
    *(
        '{"Records":[]}',
        '{"Records":null}',
        '{"Records":{}}',
        '{"Records":[null]}',
        '{"Records":[[]]}',
        '{"Records":[{}]}',
    ),
    '{"Records":[{"eventSource":"aws:sns"}]}',
    '{"Records":[{"eventSource":"aws:s3"}]}',
    '{"Records":[{"eventSource":"aws:s3","eventName":5,"s3":{"object":{"key":"direct/a/b"}}}]}',
    '{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"object":{"key":5}}}]}',
    '{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"object":[]}}]}',
    '{"Records":[{"eventSource":["aws:s3"],"eventName":"ObjectCreated:Put","s3":{"object":{"key":{}}}}]}',
]


def wrong_in_one_field(receipt: Receipt) -> list[str]:
    """Messages like that of `receipt`, but that one field makes no sense, or is missing."""
    right = json.loads(receipt.message)
    wrong = [right | {name: value} for name, values in WRONG.items() for value in values]
    missing = [{name: value for name, value in right.items() if name != without} for without in MANDATORY]
    return [json.dumps(values) for values in [*wrong, *missing]]


MANDATORY = ("v", "user_id", "image_id", "content_type", "size")


def poisonous(receipt: Receipt) -> list[str]:
    """All there are here."""
    return [*SHAPES, *wrong_in_one_field(receipt)]
