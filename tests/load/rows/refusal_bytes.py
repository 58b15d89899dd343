"""How much of a body a client gets rid of before it is refused, seen from the client: it writes little by little and
looks for the answer in between."""

import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path

from service.images import MAX_BYTES
from tests.load import photos, requests, servers
from tests.load.outcome import NotMeasurable, Outcome
from tests.pictures import noise, png_file

STEP, STEP_SECONDS = 1024, 0.003
FAST_STEP = 64 * 1024
SLOW_FROM = MAX_BYTES - 64 * 1024
HEADERS_SECONDS = 2.0
"""How long the client waits for an answer to its headers alone."""


@dataclass(frozen=True)
class Case:
    """A request that is refused; `fast` bytes of its body may go in large steps, as nothing is wrong so far."""

    name: str
    content_type: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    fast: int = 0
    wait: float = 0.0


def measure(folder: Path) -> Outcome:
    """The most bytes of each class."""
    classes = {"headers": _by_headers(), "beginning": _by_beginning(), "size": _by_size()}
    written: dict[str, dict[str, int]] = {}
    with servers.local_storage(folder) as settings, servers.service(settings) as service:
        for name, cases in classes.items():
            written[name] = {case.name: _written(service.port, case) for case in cases}
    most = {name: max(each.values()) for name, each in written.items()}
    most["size"] -= MAX_BYTES
    return Outcome(
        {f"bytes.{name}": float(value) for name, value in most.items()}, {"body bytes sent before the answer": written}
    )


def _by_headers() -> list[Case]:
    large, expect = {"Content-Length": str(MAX_BYTES + 1)}, {"Expect": "100-continue"}
    cases = [
        Case("too long", "image/jpeg", headers=large),
        Case(
            "too long a form",
            f"multipart/form-data; boundary={requests.BOUNDARY}",
            headers={"Content-Length": "6000000"},
        ),
        Case("no image type", "text/html", headers={"Content-Length": "100000"}),
        Case("no image type, chunked", "text/html", headers={"Transfer-Encoding": "chunked"}),
    ]
    expecting = [
        Case(f"{case.name}, expecting 100", case.content_type, headers={**case.headers, **expect}) for case in cases
    ]
    return [
        Case(case.name, case.content_type, noise(FAST_STEP), case.headers, wait=HEADERS_SECONDS)
        for case in cases + expecting
    ]


def _by_beginning() -> list[Case]:
    rest = noise(4 * FAST_STEP)
    length = {"Content-Length": str(len(rest))}
    huge = (b"IHDR", bytes.fromhex("00010000 00010000 08 02 00 00 00"))
    beginnings = {
        "rubbish": ("image/jpeg", b""),
        "PNG declared as JPEG": ("image/jpeg", png_file(huge)),
        "GIF with a script": ("image/gif", b"GIF89a<script>alert(1)</script>"),
        "PNG of 4 gigapixels": ("image/png", png_file(huge)),
    }
    raw = [Case(name, kind, (first + rest)[: len(rest)], length) for name, (kind, first) in beginnings.items()]
    form = (requests.form_head() + rest)[: len(rest)]
    return [*raw, Case("rubbish in a form", f"multipart/form-data; boundary={requests.BOUNDARY}", form, length)]


def _by_size() -> list[Case]:
    """A JPEG whose scan does not end. In a form the limit is on the file in it, so its head counts as well."""
    image = photos.jpeg(5_000_000)
    scan = noise(4 * FAST_STEP).replace(b"\xff", b"\x7f")
    endless = image[: len(image) // 2] + scan * 16
    chunked = {"Transfer-Encoding": "chunked"}
    kind = f"multipart/form-data; boundary={requests.BOUNDARY}"
    return [
        Case("raw", "image/jpeg", endless, chunked, SLOW_FROM),
        Case("form", kind, requests.form_head() + endless, chunked, SLOW_FROM),
    ]


def _written(port: int, case: Case) -> int:
    """How many bytes of the body had been written when the answer's status line had come."""
    chunked = "Transfer-Encoding" in case.headers
    with socket.create_connection(("127.0.0.1", port)) as connection:
        named = {"Content-Type": case.content_type, "X-User-Id": requests.USER, **case.headers}
        connection.sendall(requests.head("POST", "/v1/images", **named))
        if _refused(connection, case.wait):
            return 0
        written = 0
        for step, pause in _steps(case.fast):
            piece = case.body[written : written + step]
            if not piece:
                break
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            written += len(piece)
            if _refused(connection, pause):
                return written
    raise NotMeasurable(f"the service does not refuse: {case.name}")


def _steps(fast: int) -> Iterator[tuple[int, float]]:
    yield from repeat((FAST_STEP, 0.0), fast // FAST_STEP)
    yield from repeat((STEP, STEP_SECONDS))


def _refused(connection: socket.socket, seconds: float) -> bool:
    """Whether a status line comes in that time; anything but 400 is no refusal."""
    end = time.monotonic() + seconds
    if not select.select([connection], [], [], seconds)[0]:
        return False
    time.sleep(max(0.0, min(0.001, end - time.monotonic())))
    said = connection.recv(4096)
    if said.startswith(b"HTTP/1.1 100"):
        raise NotMeasurable("the service asks for a body that it should refuse")
    if not said.startswith(b"HTTP/1.1 400"):
        raise NotMeasurable(f"the service says {said[:60]!r} instead of refusing")
    return True
