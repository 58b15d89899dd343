"""Requests that must be refused whatever their body holds: tables from a readable name to the `code` and what is sent.

Characters up to U+00FF in headers are sent as one byte each.
"""

import json

from tests.bad_pictures import FOREIGN
from tests.forms import FORM
from tests.pictures import MOST_BYTES
from tests.uploads import SIZE, TYPE

MOST_OF_A_FORM = MOST_BYTES + 64 * 1024
Headers = tuple[str, list[str]]


def _each(code: str, prefix: str, header: str, values: tuple[str, ...], *others: str) -> dict[str, Headers]:
    return {f"{prefix}_{value[:40] or 'empty'}": (code, [*others, f"{header}{value}"]) for value in values}


_FOREIGN_TYPES = sorted({bad.content_type for bad in FOREIGN.values()})
_NO_TYPES = ("", ";", "image", "image/", "image/*", "*/*", "image/pngx", "image/png/x", "x-image/png", "image/\xff")
_OTHER_TYPES = (
    *("application/octet-stream", "application/json", "application/x-www-form-urlencoded", "video/mp4"),
    *(
        "multipart/mixed; boundary=x",
        "multipart/related; boundary=x",
        "text/html; a=image/png",
        "image/png, image/jpeg",
    ),
)
_BOUNDARIES = ("", "; boundary=", '; boundary=""', "; border=x", '; boundary="a\tb"', '; boundary="a<b"')
_ODD_BOUNDARIES = ('; boundary="a\xffb"', '; boundary="a "', f"; boundary={'x' * 71}")
_LENGTHS = ("-1", "+1", "1.0", "0x10", "1_0", "many", "1, 2")
_ENCODINGS = ("gzip", "deflate", "br", "zstd", "gzip, identity", "x" * 300, "\xff")
_KEYS = ("", "k" * 256, "a b", "\xff")

BAD_HEADERS: dict[str, Headers] = {
    "no_type": ("missing_content_type", [SIZE]),
    "two_types": ("malformed_request", [SIZE, TYPE, "Content-Type: image/jpeg"]),
    **_each("unsupported_media_type", "type", "Content-Type: ", (*_FOREIGN_TYPES, *_NO_TYPES, *_OTHER_TYPES), SIZE),
    "no_body": ("empty_body", [TYPE]),
    "length_0": ("empty_body", [TYPE, "Content-Length: 0"]),
    "form_of_length_0": ("empty_body", [f"Content-Type: {FORM}", "Content-Length: 0"]),
    "one_byte_too_many": ("too_large", [TYPE, f"Content-Length: {MOST_BYTES + 1}"]),
    "a_petabyte": ("too_large", [TYPE, f"Content-Length: {10**15}"]),
    "form_too_large": ("too_large", [f"Content-Type: {FORM}", f"Content-Length: {MOST_OF_A_FORM + 1}"]),
    **_each("malformed_request", "length", "Content-Length: ", _LENGTHS, TYPE),
    "two_lengths": ("malformed_request", [TYPE, SIZE, "Content-Length: 1"]),
    "length_and_chunked": ("malformed_request", [TYPE, SIZE, "Transfer-Encoding: chunked"]),
    "transfer_encoding": ("malformed_request", [TYPE, "Transfer-Encoding: gzip"]),
    "endless_header": ("malformed_request", [TYPE, SIZE, "X-Long: " + "x" * 10_000]),
    "many_headers": ("malformed_request", [TYPE, SIZE, *(f"X-{n}: {n}" for n in range(200))]),
    **_each("unsupported_encoding", "encoding", "Content-Encoding: ", _ENCODINGS, TYPE, SIZE),
    **_each("malformed_multipart", "form", "Content-Type: multipart/form-data", (*_BOUNDARIES, *_ODD_BOUNDARIES), SIZE),
    **_each("invalid_idempotency_key", "idempotency_key", "Idempotency-Key: ", _KEYS, TYPE, SIZE),
    "two_idempotency_keys": ("invalid_idempotency_key", [TYPE, SIZE, "Idempotency-Key: a", "Idempotency-Key: a"]),
}

_USERS = ("", "alice/bob", "../alice", ".alice", "alice bob", "idempotency#alice", "alice%2Fbob", "\xe9va", "a" * 129)
BAD_USERS: dict[str, Headers] = {
    "none": ("unauthenticated", []),
    "two": ("invalid_user_id", ["X-User-Id: alice", "X-User-Id: bob"]),
    **_each("invalid_user_id", "user", "X-User-Id: ", _USERS),
}

CONTROLS = {"nul": "a\0.png", "line": "a\r\nX-Admin: 1", "escape": "\x1b[2J", "delete": "\x7f", "c1": "\x85"}
_TOO_MUCH = {"title": "🏞" * 200, "tags": ",".join(f"{n}{'🏷' * 31}" for n in range(10)), "filename": "ä" * 127}

BAD_WORDS: dict[str, tuple[str, dict[str, str]]] = {
    "filename_of_256_bytes": ("invalid_filename", {"filename": "x" * 256}),
    "filename_of_256_bytes_in_utf8": ("invalid_filename", {"filename": "ü" * 128}),
    **{f"filename_with_{name}": ("invalid_filename", {"filename": text}) for name, text in CONTROLS.items()},
    "title_of_201": ("invalid_title", {"title": "ü" * 201}),
    **{f"title_with_{name}": ("invalid_title", {"title": f"a{text}b"}) for name, text in CONTROLS.items()},
    "eleven_tags": ("invalid_tags", {"tags": ",".join(map(str, range(11)))}),
    "tag_of_33": ("invalid_tags", {"tags": f"sea,{'ü' * 33}"}),
    **{f"tag_with_{name}": ("invalid_tags", {"tags": f"a{text}b"}) for name, text in CONTROLS.items()},
    "all_together_over_2_kb": ("metadata_too_large", _TOO_MUCH),
}
"""File name, title and tags, however they are given."""

BAD_QUERIES: dict[str, tuple[str, str]] = {
    "unknown": ("invalid_parameter", "titel=x"),
    "title_twice": ("invalid_parameter", "title=a&title=b"),
    "filename_twice": ("invalid_parameter", "filename=a&filename=b"),
    "user": ("invalid_parameter", "user_id=bob"),
    "filename_of_10000": ("malformed_request", f"filename={'x' * 10_000}"),
}

BAD_LISTS: dict[str, tuple[str, str]] = {
    **{
        query[:40]: ("invalid_parameter", query)
        for query in (
            *("limit=", "limit=0", "limit=-1", "limit=201", "limit=1.5", "limit=ten", "limit=1e2", "limit=+5"),
            *("limit=%D9%A3", f"limit={'9' * 5000}", "limit=5&limit=6", "order=", "order=newest", "order=ASC"),
            *("from=", "from=yesterday", "from=1767225600", "from=2026-13-01", "from=2026-02-30", "to=noon", "to=%00"),
            *("status=", "status=lost", "status=deleted", "content_type=text/html", "content_type=image/svg%2Bxml"),
            *("tag=", "tag=a,b", "tag=%20", "tag=%00", f"tag={'x' * 33}", "page=2", "user_id=bob"),
        )
    },
    **{
        f"cursor={cursor[:30]}": ("invalid_cursor", f"cursor={cursor}")
        for cursor in ("", "x", "%00", "%FF", "%C3%BC", "====", "MTIzNDU2", "A" * 4000, "0" * 16 + "../../etc/passwd")
    },
}

_UUID_4, _UUID_7 = "3b241101-e2bb-4255-8caf-4136c566a962", "0199a1f0-0000-7000-8000-00000000abcd"
BAD_IDS = (
    *("x", "%00", "%FF", "..%2Fother", "%2e%2e", "0", "null", _UUID_4, _UUID_7.upper(), _UUID_7.replace("-", "")),
    *(f"urn:uuid:{_UUID_7}", f"{_UUID_7}0", f"{_UUID_7}%0A", f"%20{_UUID_7}", "a" * 4000),
)

BAD_EDITS: dict[str, tuple[str, bytes]] = {
    "nothing": ("invalid_body", b""),
    "no_json": ("invalid_body", b"title=x"),
    "not_utf8": ("invalid_body", b'{"title": "\xff"}'),
    "list": ("invalid_body", b'["title"]'),
    "null": ("invalid_body", b"null"),
    "unknown_field": ("invalid_body", b'{"titel": "x"}'),
    "field_of_the_service": ("invalid_body", b'{"title": "x", "status": "ready"}'),
    "too_long": ("invalid_body", json.dumps({"title": "x" * 20_000}).encode()),
    "deeply_nested": ("invalid_body", b'{"tags":' + b"[" * 16_000),
    "title_is_a_number": ("invalid_title", b'{"title": 5}'),
    "title_of_201": ("invalid_title", json.dumps({"title": "ü" * 201}).encode()),
    "title_with_nul": ("invalid_title", b'{"title": "a\\u0000b"}'),
    "title_with_half_a_character": ("invalid_title", b'{"title": "\\ud800"}'),
    "tags_are_a_text": ("invalid_tags", b'{"tags": "a,b"}'),
    "tags_are_an_empty_text": ("invalid_tags", b'{"tags": ""}'),
    "tags_are_zero": ("invalid_tags", b'{"tags": 0}'),
    "tags_are_false": ("invalid_tags", b'{"tags": false}'),
    "tags_are_an_object": ("invalid_tags", b'{"tags": {}}'),
    "tag_is_a_number": ("invalid_tags", b'{"tags": ["a", 1]}'),
    "tag_of_33": ("invalid_tags", json.dumps({"tags": ["x" * 33]}).encode()),
    "eleven_tags": ("invalid_tags", json.dumps({"tags": [str(n) for n in range(11)]}).encode()),
    "tag_with_half_a_character": ("invalid_tags", b'{"tags": ["\\udfff"]}'),
}
"""Bodies of a PATCH."""
