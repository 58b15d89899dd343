"""Forms (`multipart/form-data`) as bytes: sound ones to build, and `BAD_FORMS`, which must be refused."""

from dataclasses import dataclass, field

from tests.pictures import TINY, noise

BOUNDARY = "boundary-7d1f"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
END = f"--{BOUNDARY}--\r\n".encode()
NAMED = 'Content-Disposition: form-data; name="file"; filename="a.png"'
TITLE = 'Content-Disposition: form-data; name="title"'
PNG = TINY["image/png"].data


def part(content: bytes, *headers: str | bytes) -> bytes:
    """A part with these headers."""
    lines = [line if isinstance(line, bytes) else line.encode() for line in headers]
    return b"\r\n".join((f"--{BOUNDARY}".encode(), *lines, b"", content, b""))


def file_part(content: bytes = PNG, content_type: str | None = "image/png", filename: str = "") -> bytes:
    """The part named `file`; `filename` is the parameter as it stands in the header."""
    disposition = "; ".join(filter(None, ('Content-Disposition: form-data; name="file"', filename)))
    return part(content, disposition, *([f"Content-Type: {content_type}"] if content_type else []))


def word_part(name: str, text: str | bytes) -> bytes:
    """A part that is no file."""
    content = text if isinstance(text, bytes) else text.encode()
    return part(content, f'Content-Disposition: form-data; name="{name}"')


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join((*parts, END))


@dataclass(frozen=True)
class BadForm:
    """A form that must be refused with `code`; `str()` is its name."""

    name: str
    code: str
    body: bytes = field(repr=False)

    def __str__(self) -> str:
        return self.name


def _malformed() -> dict[str, bytes]:
    sound = form(file_part())
    words = [f"X-{n}: {n}" for n in range(20)]
    return {
        "garbage": noise(1000),
        "bare_picture": PNG,
        "bare_text": b"title=x&file=y",
        "other_boundary": sound.replace(BOUNDARY.encode(), b"other-boundary"),
        "boundary_with_a_tail": sound.replace(BOUNDARY.encode(), f"{BOUNDARY}x".encode()),
        "one_hyphen": sound.replace(b"--b", b"-b"),
        "no_final_boundary": file_part(),
        "half_a_final_boundary": sound[:-4],
        "cut_in_the_file": sound[: sound.index(b"IDAT")],
        "cut_in_a_header": sound[: sound.index(b"image/png")],
        "cut_behind_the_first_boundary": f"--{BOUNDARY}\r\n".encode(),
        "preamble": b"This is a form.\r\n" + sound,
        "long_preamble": b"This is a form.\r\n" * 4000 + sound,
        "long_header": form(part(PNG, NAMED, "X-Long: " + "x" * 20_000)),
        "long_header_without_end": part(b"", NAMED)[:-4] + b"; x=" + b"x" * 60_000,
        "many_headers": form(part(PNG, NAMED, *words)),
        "many_parts": form(*[word_part("tags", "a")] * 40, file_part()),
        "header_without_colon": form(part(PNG, NAMED, "image/png")),
        "header_with_space_in_its_name": form(part(PNG, NAMED, "Content Type: image/png")),
        "header_not_in_utf8": form(part(PNG, NAMED.encode()[:-1] + b'\xff"')),
        "two_types": form(part(PNG, NAMED, "Content-Type: image/png", "Content-Type: text/html")),
        "two_dispositions": form(part(PNG, NAMED.replace('"file"', '"title"'), NAMED)),
        "line_feeds_only": sound.replace(b"\r\n", b"\n"),
        "part_shorter_than_its_length": form(part(PNG, NAMED, "Content-Length: 1000")),
        "part_longer_than_its_length": form(part(PNG, NAMED, "Content-Length: 10")),
        "title_not_in_utf8": form(word_part("title", b"\xff\xfe"), file_part()),
    }


_OTHERS: tuple[tuple[str, str, bytes], ...] = (
    ("no_part", "no_file", END),
    ("no_file", "no_file", form(word_part("title", "x"))),
    ("two_files", "several_files", form(file_part(), file_part())),
    ("file_and_file_array", "unknown_field", form(file_part(), part(PNG, NAMED.replace('"file"', '"file[]"')))),
    ("no_disposition", "malformed_multipart", form(part(PNG, "Content-Type: image/png"))),
    ("no_headers", "malformed_multipart", form(part(PNG))),
    ("no_name", "unknown_field", form(part(PNG, "Content-Disposition: form-data"))),
    ("unknown_field", "unknown_field", form(word_part("user_id", "x"), file_part())),
    ("unknown_field_behind", "unknown_field", form(file_part(), word_part("status", "ready"))),
    ("unknown_file", "unknown_field", form(part(PNG, NAMED.replace('"file"', '"image"')))),
    ("title_as_file", "unknown_field", form(part(b"x", NAMED.replace('"file"', '"title"')), file_part())),
    (
        "nested",
        "unsupported_media_type",
        form(file_part(b"--inner\r\n\r\n--inner--", "multipart/mixed; boundary=inner")),
    ),
    ("nested_form", "unsupported_media_type", form(file_part(form(file_part()), FORM))),
    ("html", "unsupported_media_type", form(file_part(PNG, "text/html"))),
    ("base64", "unsupported_encoding", form(part(PNG, NAMED, "Content-Transfer-Encoding: base64"))),
    ("quoted_printable", "unsupported_encoding", form(part(PNG, NAMED, "content-transfer-encoding: Quoted-Printable"))),
    (
        "base64_title",
        "unsupported_encoding",
        form(part(b"eA==", TITLE, "Content-Transfer-Encoding: base64"), file_part()),
    ),
    ("gzip", "unsupported_encoding", form(part(PNG, NAMED, "Content-Encoding: gzip"))),
    ("empty_file", "empty_body", form(file_part(b""))),
    # What a browser sends of a form whose file nobody chose.
    (
        "nothing_chosen",
        "empty_body",
        form(part(b"", NAMED.replace("a.png", ""), "Content-Type: application/octet-stream")),
    ),
    ("line_in_the_file_name", "invalid_filename", form(file_part(filename='filename="a%0D%0Ab.png"'))),
    ("two_titles", "invalid_title", form(word_part("title", "x"), word_part("title", "y"), file_part())),
    ("long_title_part", "metadata_too_large", form(word_part("title", "x" * 5000), file_part())),
)

BAD_FORMS: tuple[BadForm, ...] = (
    *(BadForm(name, "malformed_multipart", body) for name, body in _malformed().items()),
    *(BadForm(*other) for other in _OTHERS),
)

FILENAMES = {
    "../../etc/passwd": 'filename="../../etc/passwd"',
    "/incoming/x.png": 'filename="/incoming/x.png"',
    'a"b.png': 'filename="a%22b.png"',
    'c"d\\.png': r'filename="c\"d\\.png"',
    "höhe 山 🏔.png": 'filename="höhe 山 🏔.png"',
    "€ & rates?.png": "filename*=UTF-8''%E2%82%AC%20%26%20rates%3F.png",
    "naïve.png": "filename*=utf-8'fr'na%C3%AFve.png",
    "100%;a=b.png": 'filename="100%;a=b.png"',
    "<script>.png": 'filename="<script>.png"',
    "ü" * 127 + "x": f'filename="{"ü" * 127}x"',
}
"""File names to be kept as text, and how a form says them."""
