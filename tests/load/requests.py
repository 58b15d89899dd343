"""The bytes of the requests that the benchmarks send."""

from pathlib import Path

BOUNDARY = "----benchmark7MA4YWxkTrZu0gW"
USER = "bench"


def post(path: str, content_type: str, body: bytes, **headers: str) -> bytes:
    """A POST with its body; header names with underscores for hyphens."""
    named = {"Content-Type": content_type, "Content-Length": str(len(body)), "X-User-Id": USER}
    return head("POST", path, **{**named, **headers}) + body


def get(path: str, user: str = USER, **headers: str) -> bytes:
    """A GET."""
    return head("GET", path, **{"X-User-Id": user, **headers})


def head(method: str, path: str, **headers: str) -> bytes:
    """A request up to its body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def upload(image: bytes) -> bytes:
    """The image as the body."""
    return post("/v1/images", "image/jpeg", image)


def form(image: bytes, path: str = "/v1/images") -> bytes:
    """The image as the one file of a form."""
    return post(path, f"multipart/form-data; boundary={BOUNDARY}", form_head() + image + form_end())


def form_head() -> bytes:
    """What stands before the file."""
    disposition = 'Content-Disposition: form-data; name="file"; filename="a.jpg"'
    return f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: image/jpeg\r\n\r\n".encode()


def form_end() -> bytes:
    """What stands behind it."""
    return f"\r\n--{BOUNDARY}--\r\n".encode()


def saved(folder: Path, name: str, request: bytes) -> str:
    """The path of a file that holds the request, for the generator."""
    path = folder / name
    path.write_bytes(request)
    return str(path)
