"""An upload as `multipart/form-data` (RFC 7578): one `file` part, and `title` and `tags` if one likes."""

import re
from collections.abc import AsyncIterable, AsyncIterator
from urllib.parse import unquote

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from service.errors import Refused
from service.images import MAX_BYTES
from service.intake.formats import media_type
from service.intake.labels import FILENAME_BYTES, Labels, read_filename, read_tags, read_title
from service.intake.receive import Facts, receive, too_large
from service.intake.spool import Spooled
from service.intake.structure import Limits

OVERHEAD_BYTES = 64 * 1024
"""Room for boundaries, part headers and words around the file."""
PARTS = 32
HEADERS_OF_A_PART = 8
HEADER_BYTES = 16 * 1024
WORD_BYTES = 4096
EXTENDED_FILENAME = re.compile(r";\s*filename\*\s*=\s*utf-8'[^']*'([^\s;]+)", re.IGNORECASE)
# Of a part, `application/octet-stream` says nothing: it is what curl and others send for endings they do not know.
UNDECLARED = "application/octet-stream"


class Form:
    """Reads one form from `body`; `labels` are complete when `receive` has returned."""

    def __init__(self, body: AsyncIterable[bytes], boundary: str) -> None:
        self._body = _bounded(body, boundary.encode())
        self._parser = PushMultipartParser(
            boundary,
            max_segment_count=PARTS,
            max_header_count=HEADERS_OF_A_PART,
            max_header_size=HEADER_BYTES,
            header_charset="utf8",
        )
        self._words: dict[str, list[str]] = {"title": [], "tags": []}
        self._filename: str | None = None

    async def receive(self, limits: Limits, spooled: Spooled) -> Facts:
        """Check and collect the file, wherever among the parts it stands.

        :raises Refused: the form is malformed, or the file in it is not taken.
        """
        facts: Facts | None = None
        events = self._events()
        async for event in events:
            if not isinstance(event, MultipartSegment):
                raise _malformed("it has bytes outside of its parts")
            _refuse_headers(event)
            if event.name == "file":
                if facts is not None:
                    raise Refused("several_files", "A form may have one part named `file`; upload one image at a time.")
                self._filename = read_filename(event.filename or _extended_filename(event))
                facts = await receive(_content(events), _declared(event), limits, spooled)
            elif event.name in self._words and event.filename is None:
                self._words[event.name].append(await _word(events))
            else:
                name = (event.name or "")[:FILENAME_BYTES]
                raise Refused("unknown_field", f"A form may have `file`, `title` and `tags`, not {name!r}.")
        if facts is None:
            raise Refused("no_file", "The form has no part named `file`.")
        return facts

    def labels(self) -> Labels:
        """The words of the form.

        :raises Refused: they are over their limits.
        """
        titles = self._words["title"]
        if len(titles) > 1:
            raise Refused("invalid_title", "A form may have one `title`.")
        return Labels(self._filename, read_title(titles[0] if titles else None), read_tags(self._words["tags"]))

    async def _events(self) -> AsyncIterator[MultipartSegment | bytes | None]:
        """Parts, their bytes, and None at each part's end."""
        parser = self._parser
        try:
            async for chunk in self._body:
                for event in parser.parse(chunk):
                    yield event
            parser.close()
        except MultipartError as error:
            raise _malformed(str(error.args[0]).lower()) from None
        except (ValueError, LookupError, AssertionError) as error:
            raise _malformed(type(error).__name__) from None


def _malformed(why: str) -> Refused:
    return Refused("malformed_multipart", f"The multipart body is malformed: {why}.")


async def _bounded(body: AsyncIterable[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """The body, held to its largest size, and beginning with the boundary: a preamble is none of a form's parts."""
    opening = b"--" + boundary
    head: bytes | None = b""
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > MAX_BYTES + OVERHEAD_BYTES:
            raise too_large()
        if head is None:
            yield chunk
            continue
        head += chunk
        if len(head) >= len(opening) + 2:
            if not head.removeprefix(b"\r\n").startswith(opening):
                raise _malformed("it does not begin with its boundary")
            yield head
            head = None
    if head:
        yield head


async def _content(events: AsyncIterator[MultipartSegment | bytes | None]) -> AsyncIterator[bytes]:
    """The bytes of the part that has just begun."""
    async for event in events:
        if event is None:
            return
        yield bytes(event)


async def _word(events: AsyncIterator[MultipartSegment | bytes | None]) -> str:
    word = b""
    async for chunk in _content(events):
        word += chunk
        if len(word) > WORD_BYTES:
            raise Refused("metadata_too_large", f"A field of a form may have at most {WORD_BYTES} bytes.")
    try:
        return word.decode()
    except UnicodeDecodeError:
        raise _malformed("a field is not in UTF-8") from None


def _extended_filename(part: MultipartSegment) -> str | None:
    """The file name in the notation of RFC 5987, which RFC 7578 forbids and some clients use all the same."""
    found = EXTENDED_FILENAME.search(part.header("Content-Disposition") or "")
    return unquote(found[1]) if found else None


def _refuse_headers(part: MultipartSegment) -> None:
    # The parser tells this by itself or not, as the bytes happen to be split.
    if any("\n" in value or "\r" in value for _, value in part.headerlist):
        raise _malformed("a header of a part has a line break in it")
    names = [name for name, _ in part.headerlist]
    if len(set(names)) < len(names):
        raise _malformed("a part has a header twice")
    encoding = (part.header("Content-Transfer-Encoding") or "binary").lower()
    if encoding not in ("binary", "8bit", "7bit") or part.header("Content-Encoding"):
        raise Refused("unsupported_encoding", "Parts of a form are taken as they are, without any encoding.")


def _declared(part: MultipartSegment) -> str | None:
    declared = part.header("Content-Type")
    if declared is None or declared.partition(";")[0].strip().lower() == UNDECLARED:
        return None
    return media_type(declared)
