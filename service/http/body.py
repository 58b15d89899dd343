"""The request's headers before a body byte is read, and then the body, chunk by chunk."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web
from multipart import parse_options_header

from service.errors import Refused
from service.http.keys import SETTINGS
from service.http.patience import Rate
from service.http.problems import Handler
from service.images import MAX_BYTES
from service.intake.form import OVERHEAD_BYTES
from service.intake.formats import media_type
from service.intake.receive import too_large

CONTINUE = "100-continue"
MULTIPART = "multipart/form-data"
# RFC 2046, section 5.1.1.
BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")


@dataclass(frozen=True, slots=True)
class Declared:
    """What the headers say of the body: an image's media type, or a form's boundary."""

    media_type: str | None = None
    boundary: str | None = None


def check_headers(request: web.Request) -> Declared:
    """What the body is, as far as the headers tell.

    :raises Refused: they show already that it is not an upload this service takes.
    """
    headers = request.headers
    if encoding := headers.get("Content-Encoding"):
        raise Refused(
            "unsupported_encoding",
            f"Bodies are taken as they are, not with Content-Encoding {encoding[:50]}.",
        )
    types = headers.getall("Content-Type", [])
    if not types:
        raise Refused("missing_content_type", "The header Content-Type is missing.")
    if len(set(types)) > 1:
        raise Refused(
            "contradicting_content_type", "There are several headers Content-Type that contradict each other."
        )
    kind, options = parse_options_header(types[0])
    if kind == MULTIPART:
        declared, most = Declared(boundary=_boundary(options.get("boundary"))), MAX_BYTES + OVERHEAD_BYTES
    else:
        declared, most = Declared(media_type=media_type(types[0])), MAX_BYTES
    if (length := request.content_length) is not None:
        if length == 0:
            raise Refused("empty_body", "The request has no body.")
        if length > most:
            raise too_large()
    elif "Transfer-Encoding" not in headers:
        raise Refused("empty_body", "The request has no body.")
    return declared


def _boundary(given: str | None) -> str:
    if not given or not BOUNDARY.fullmatch(given):
        raise Refused("malformed_multipart", "The Content-Type has no boundary, or one that cannot be.")
    return given


@web.middleware
async def known_expectations(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse expectations other than `100-continue` (RFC 9110, section 10.1.1)."""
    if request.headers.get("Expect", CONTINUE).lower() != CONTINUE:
        raise web.HTTPExpectationFailed
    return await handler(request)


async def _invite(request: web.Request) -> None:
    """Send `100 Continue` when the client waits for it; nothing is read of a body whose headers are refused."""
    if "Expect" in request.headers and request.version >= (1, 1):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # What aiohttp's own handler does: this was not yet the answer.
        request.writer.output_size = 0


async def body_chunks(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it arrives, invited first when the client waits for that.

    :raises Refused: it stalls, is too slow, ends early, or its framing is broken (the last two come from `Connection`).
    :raises ConnectionError: the client is gone.
    """
    settings = request.app[SETTINGS]
    loop = asyncio.get_running_loop()
    rate = Rate(loop, settings.body_idle_seconds, settings.min_bytes_per_second)
    await _invite(request)
    content = request.content
    # A body that was cut short is at its end too, and says so when it is read.
    while content.exception() is not None or not content.at_eof():
        try:
            # Most often the bytes are there already, and no time limit need be set up to wait for them.
            if not (chunk := content.read_nowait()):
                begin = loop.time()
                async with asyncio.timeout(rate.left(content.total_bytes)):
                    chunk = await content.readany()
                rate.waited(begin)
        except web.RequestPayloadError as error:
            raise Refused("malformed_body", "The framing of the body is broken.") from error
        except TimeoutError:
            raise Refused("body_timeout", "The body comes too slowly, or not at all.") from None
        if chunk:
            yield chunk
