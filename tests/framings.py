"""Requests that two parsers could read differently, as bytes: what must be refused, and what has one meaning only.

Behind each of them comes `SMUGGLED`, an upload of another user's, to be answered only if it is a request of its own.
"""

from tests.forms import PNG
from tests.wire import bare_head, chunk

N = len(PNG)
MALLORY = "mallory"
SMUGGLED = (
    bare_head(f"X-User-Id: {MALLORY}", "Content-Type: image/png", f"Content-Length: {N}", "Connection: close") + PNG
)
TYPED = b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nX-User-Id: alice\r\nContent-Type: image/png\r\n"
SIZED, CHUNKED = b"Content-Length: %d\r\n" % N, b"Transfer-Encoding: chunked\r\n"
ENDED = chunk(PNG) + chunk(b"")
GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def _sized(*lines: bytes) -> bytes:
    return TYPED + b"".join(line + b"\r\n" for line in lines) + SIZED + b"\r\n" + PNG


def _chunked(body: bytes) -> bytes:
    return TYPED + CHUNKED + b"\r\n" + body


def _line(line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join((line, b"Host: localhost", *headers, b"", b""))


_LENGTHS = (
    *(
        b" +69",
        b" -1",
        b" 0x45",
        b" 6 9",
        b" 69;",
        b" 69, 69",
        b" 69\x0b",
        b" \x0b69",
        b" \xb9",
        b" \xd9\xa5",
        b"",
        b" ",
    ),
    *(b" 1_0", b" 69.0", b" 99999999999999999999", b" 18446744073709551685", b" 18446744073709551615"),
    *(b" 9223372036854775877", b" 0000000000000000069", b"\r\n 69"),
)
_CODINGS = (
    *(b" gzip", b" identity", b" xchunked", b" chunkedx", b" chunked, identity", b" identity, chunked"),
    *(b" gzip, chunked", b" chunked, chunked", b" ,chunked", b" chunked,", b" chunked;q=1", b' "chunked"', b""),
    *(b" \x0bchunked", b" chunked\x0b", b" chunked\xa0", b" chunked\x00", b" chun\x00ked", b"\r\n chunked"),
    *(b" chunked\r\n , gzip", b" chunke\xc4\x8f", b" chunked\r", b" chunked\n"),
)
_HOSTS = (b"a b", b"a, b", b"http://a/", b"a/b", b"a@b", b"[::1", b"a:80:80", b"a:http", b"a\xff", b"a#b", b"a\\b")

REFUSED: dict[str, bytes] = {
    "length_and_chunked": TYPED + SIZED + CHUNKED + b"\r\n" + ENDED,
    "chunked_and_length": TYPED + CHUNKED + SIZED + b"\r\n" + ENDED,
    "two_lengths": TYPED + SIZED + b"Content-Length: 1\r\n\r\n" + PNG,
    "the_same_length_twice": TYPED + SIZED + SIZED + b"\r\n" + PNG,
    **{f"length_{value!r}": TYPED + b"Content-Length:" + value + b"\r\n\r\n" + PNG for value in _LENGTHS},
    **{f"coding_{value!r}": TYPED + b"Transfer-Encoding:" + value + b"\r\n\r\n" + ENDED for value in _CODINGS},
    "chunked_twice": TYPED + CHUNKED + CHUNKED + b"\r\n" + ENDED,
    "chunked_and_identity": TYPED + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n" + ENDED,
    "chunked_in_http_1_0": (TYPED + CHUNKED + b"Connection: keep-alive\r\n\r\n").replace(b"/1.1", b"/1.0") + ENDED,
    "space_before_colon": _sized(b"Transfer-Encoding : chunked"),
    "tab_before_colon": _sized(b"Transfer-Encoding\t: chunked"),
    "space_before_name": _sized(b" Transfer-Encoding: chunked"),
    "nul_in_name": _sized(b"Transfer-Encoding\0: chunked"),
    "no_colon": _sized(b"Transfer-Encoding"),
    "no_name": _sized(b": chunked"),
    "folded": _sized(b"X-A: b", b" Transfer-Encoding: chunked"),
    "line_feed_in_value": _sized(b"X-A: b\nTransfer-Encoding: chunked"),
    "return_in_value": _sized(b"X-A: b\rTransfer-Encoding: chunked"),
    "nul_in_value": _sized(b"X-A: b\0c"),
    "control_in_value": _sized(b"X-A: b\x01c"),
    "line_feeds_only": _sized().replace(b"\r\n", b"\n"),
    "line_feed_behind_the_headers": TYPED + SIZED + b"\n" + PNG,
    "line_feed_behind_the_line": _sized().replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n"),
    "return_behind_the_line": _sized().replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r"),
    **{f"host_{value!r}": GET.replace(b"localhost", value) + b"\r\n" for value in _HOSTS},
    "behind_the_last_request": GET + b"Connection: close\r\n\r\n",
    "behind_one_in_http_1_0": b"GET /healthz HTTP/1.0\r\n\r\n",
    "no_host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two_hosts": GET + b"Host: other.test\r\n\r\n",
    "the_same_host_twice": GET + b"Host: localhost\r\n\r\n",
    "connect": _line(b"CONNECT localhost:80 HTTP/1.1"),
    "connect_path": _line(b"CONNECT /healthz HTTP/1.1"),
    "authority": _line(b"GET localhost:80 HTTP/1.1"),
    "file_url": _line(b"GET file:///healthz HTTP/1.1"),
    "star": _line(b"GET * HTTP/1.1"),
    "fragment": _line(b"GET /healthz#a HTTP/1.1"),
    "space_in_target": _line(b"GET /heal thz HTTP/1.1"),
    "nul_in_target": _line(b"GET /health\0z HTTP/1.1"),
    "tabs": _line(b"GET\t/healthz\tHTTP/1.1"),
    "space_behind_version": _line(b"GET /healthz HTTP/1.1 "),
    "space_before_method": _line(b" GET /healthz HTTP/1.1"),
    "lower_case_method": _line(b"get /healthz HTTP/1.1"),
    "unknown_method": _line(b"BREW /healthz HTTP/1.1"),
    "long_method": _line(b"G" * 10_000 + b" /healthz HTTP/1.1"),
    "nul_in_method": _line(b"G\0T /healthz HTTP/1.1"),
    "lower_case_version": _line(b"GET /healthz http/1.1"),
    **{f"version_{value!r}": _line(b"GET /healthz " + value) for value in (b"HTTP/2.0", b"HTTP/1.2", b"HTTP/1.10")},
    **{f"version_{value!r}": _line(b"GET /healthz " + value) for value in (b"HTTP/0.9", b"RTSP/1.0", b"ICE/1.0", b"")},
    "http_0_9": b"GET /healthz\r\n",
    "http_2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "long_target": _line(b"GET /" + b"x" * 9000 + b" HTTP/1.1"),
    "long_header": _line(b"GET /healthz HTTP/1.1", b"X: " + b"x" * 1_000_000),
    "many_headers": _line(b"GET /healthz HTTP/1.1", *(b"X: y",) * 1000),
    "much_of_headers": _line(b"GET /healthz HTTP/1.1", *(b"X: " + b"y" * 4000,) * 9),
}
"""Each gets 400 `malformed_request`, and the connection ends."""

_BROKEN = {
    "negative": b"-5\r\n" + PNG,
    "plus": b"+%x\r\n" % N + PNG + b"\r\n0\r\n\r\n",
    "0x": b"0x%x\r\n" % N + PNG + b"\r\n0\r\n\r\n",
    "over_64_bits": b"10000000000000045\r\n" + PNG + b"\r\n0\r\n\r\n",
    "underscore": b"4_5\r\n" + PNG + b"\r\n0\r\n\r\n",
    "space_before": b" %x\r\n" % N + PNG + b"\r\n0\r\n\r\n",
    "space_behind": b"%x \r\n" % N + PNG + b"\r\n0\r\n\r\n",
    "tab_behind": b"%x\t\r\n" % N + PNG + b"\r\n0\r\n\r\n",
    "empty": b"\r\n" + PNG + b"\r\n0\r\n\r\n",
    "line_feed": b"%x\n" % N + PNG + b"\r\n0\r\n\r\n",
    "return": b"%x\r" % N + PNG + b"\r\n0\r\n\r\n",
    "line_feed_behind_content": b"%x\r\n" % N + PNG + b"\n0\r\n\r\n",
    "line_feed_at_the_end": chunk(PNG) + b"0\n\n",
    "line_feed_behind_the_last": chunk(PNG) + b"0\r\n\n",
    "nothing_behind_content": b"%x\r\n" % N + PNG + b"0\r\n\r\n",
    "content_too_long": b"%x\r\n" % (N - 5) + PNG + b"\r\n0\r\n\r\n",
    "line_feed_in_extension": b"%x;a\n=b\r\n" % N + PNG + b"\r\n0\r\n\r\n",
    "return_in_extension": b"%x;a\rb\r\n" % N + PNG + b"\r\n0\r\n\r\n",
    "line_in_quoted_extension": b'%x;a="b\r\nc"\r\n' % N + PNG + b"\r\n0\r\n\r\n",
    "nul_in_extension": b"%x;a\0\r\n" % N + PNG + b"\r\n0\r\n\r\n",
    "length_as_trailer": chunk(PNG) + b"0\r\nContent-Length: 5\r\n\r\n",
    "coding_as_trailer": chunk(PNG) + b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "host_as_trailer": chunk(PNG) + b"0\r\nHost: other.test\r\n\r\n",
    "broken_trailer": chunk(PNG) + b"0\r\nX T\r\n\r\n",
    "long_trailer": chunk(PNG) + b"0\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "many_trailers": chunk(PNG) + b"0\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
}
BROKEN: dict[str, bytes] = {name: _chunked(body) for name, body in _BROKEN.items()}
"""Chunked bodies whose end nobody knows: 400 `malformed_request`, and the connection ends."""
ENDLESS = _chunked(b"ffffffffffffffff\r\n")

READ: dict[str, tuple[list[int], bytes]] = {
    "sized": ([202, 202], _sized()),
    "spaces_around_length": ([202, 202], TYPED + b"Content-Length: \t %d \r\n\r\n" % N + PNG),
    "zeros_before_length": ([202, 202], TYPED + b"Content-Length: 00%d\r\n\r\n" % N + PNG),
    "coding_in_capitals": ([202, 202], TYPED + b"TRANSFER-ENCODING:\tCHUNKED \r\n\r\n" + ENDED),
    "underscores": ([202, 202], _sized(b"Transfer_Encoding: chunked", b"Content_Length: 5")),
    "capital_digits": ([202, 202], _chunked(b"%X\r\n" % N + PNG + b"\r\n0\r\n\r\n")),
    "zeros_before_chunk_size": ([202, 202], _chunked(b"000000000000000000%x\r\n" % N + PNG + b"\r\n000\r\n\r\n")),
    "extension": ([202, 202], _chunked(b'%x;a="b"\r\n' % N + PNG + b"\r\n0;c\r\n\r\n")),
    "trailer": ([202, 202], _chunked(chunk(PNG) + b"0\r\nX-User-Id: bob\r\nX-T: 1\r\n\r\n")),
    "one_byte_each": ([202, 202], _chunked(b"".join(chunk(bytes([one])) for one in PNG) + chunk(b""))),
    "http_1_0": ([202, 202], _sized(b"Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")),
    "body_of_a_get": ([200, 202], GET + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED),
    "chunks_of_a_get": ([200, 202], GET + CHUNKED + b"\r\n" + chunk(SMUGGLED) + chunk(b"")),
    "body_of_nothing": (
        [404, 202],
        GET.replace(b"/h", b"/x") + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    ),
    "body_of_a_refusal": (
        [400, 202],
        _sized().replace(b"image/png", b"text/html").replace(SIZED, b"Content-Length: %d\r\n" % len(SMUGGLED))[:-N]
        + SMUGGLED,
    ),
    "absolute": ([200, 202], _line(b"GET http://other.test/healthz HTTP/1.1")),
    "empty_host": ([200, 202], b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n"),
    "host_of_ipv6": ([200, 202], GET.replace(b"localhost", b"[::1]:8080") + b"\r\n"),
    "empty_lines_before": ([200, 202], b"\r\n\r\n" + GET + b"\r\n"),
    "trace": ([405, 202], _line(b"TRACE /healthz HTTP/1.1")),
    "options": ([404, 202], _line(b"OPTIONS * HTTP/1.1")),
    # No other protocol is spoken; the parser loses what comes with the offer, so nothing may follow.
    "upgrade_to_http_2": ([200], _line(b"GET /healthz HTTP/1.1", b"Connection: Upgrade", b"Upgrade: h2c")),
    "upgrade_to_websocket": ([200], _line(b"GET /healthz HTTP/1.1", b"Connection: Upgrade", b"Upgrade: websocket")),
    "upload_with_an_upgrade": ([202], _sized(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c")),
}
"""What is answered: the request, and `SMUGGLED` behind it where that is one."""
