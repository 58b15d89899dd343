"""What the headers of a request must not leave open: where it ends, and which host it is for.

aiohttp's parser (llhttp in its strict mode) refuses most of what two parsers could read differently. This is the rest.
"""

import re

from aiohttp.http import HttpVersion11, RawRequestMessage

# RFC 3986, section 3.2.2; RFC 9110, section 7.2. It may be empty.
HOST = re.compile(r"([\w.~!$&'()*+,;=%-]*|\[[0-9a-fv:.]+\])(:\d{0,5})?", re.ASCII | re.IGNORECASE)
LENGTH_DIGITS = 18
"""More do not fit into 64 bits everywhere."""


class Unsound(Exception):
    """A request that may not be answered otherwise than by this text and the end of the connection."""


def fault(message: RawRequestMessage, most_bytes: int) -> str | None:
    """Why this request is not one to answer otherwise than by a refusal and the end of the connection; else None.

    :param most_bytes: of all header names and values.
    """
    headers = message.headers
    if (coding := headers.get("Transfer-Encoding")) is not None:
        # RFC 9112, section 6.1: of what this service does not decode only the sender knows where it ends, and in front
        # of an HTTP/1.0 client may stand something that does not know the header.
        if coding.lower() != "chunked" or message.version < HttpVersion11:
            return "Bodies are taken as they are, or with Transfer-Encoding chunked in HTTP/1.1."
    elif len(headers.get("Content-Length", "")) > LENGTH_DIGITS:
        return "The Content-Length is not one."
    if message.method == "CONNECT":
        return "This is no proxy."
    if "#" in message.path:
        return "The target of the request is not sound."
    if not HOST.fullmatch(headers.get("Host", "")):
        return "The header Host is not sound."
    if sum(len(name) + len(value) for name, value in message.raw_headers) > most_bytes:
        return f"The headers have more than {most_bytes} bytes."
    return None
