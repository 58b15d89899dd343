"""`GET /`: a page on which people upload and see their images, and the files it is made of.

It asks for no user, as it holds no data: what it shows, its scripts ask the API for, as any client does. It asks no
other host for anything, and needs no build: the files are served as they are in `static/`.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aiohttp import web

from service.errors import NotFound
from service.http.content import matches
from service.http.gallery.first_visit import SIGNS, scheme_to_ask_for
from service.http.gallery.policy import policy
from service.http.keys import SETTINGS
from service.http.views import prefix_of

FOLDER = Path(__file__).with_name("static")
PAGE = "index.html"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
LINK = b'"./gallery/'
"""How the page names its files in the source; served, the name has the version in it."""
HEAD_END = b"</head>"
SIGN_IN = b'name="sign-in" content="'
FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
HEADERS = {
    # Its window shares nothing with pages that open it, or that it opens.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True, slots=True)
class Gallery:
    """All files by name, and a version that changes with any of them."""

    version: str
    files: dict[str, bytes]


@cache
def gallery() -> Gallery:
    """The files; read once, and only by who is asked for them."""
    files = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}
    modules = (f'  <link rel="modulepreload" href="./gallery/{name}">\n' for name in files if name.endswith(".js"))
    # Else the browser finds them one behind another, as each says what it imports.
    files[PAGE] = files[PAGE].replace(HEAD_END, "".join(modules).encode() + HEAD_END)
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return Gallery(digest.hexdigest()[:16], files)


async def get_page(request: web.Request) -> web.Response:
    """The page. Its links work behind whatever a gateway puts before the path, with or without a slash at the end."""
    found = gallery()
    # Behind `/prod` a relative link would lead to `/gallery/`; where nothing is known to stand before it, it has to do.
    begin = f'"{prefix_of(request) or "."}/gallery/{found.version}/'.encode()
    scheme = scheme_to_ask_for(request, request.app[SETTINGS]).encode()
    content = found.files[PAGE].replace(LINK, begin).replace(SIGN_IN, SIGN_IN + scheme)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        **HEADERS,
        "ETag": tag,
        "Cache-Control": REVALIDATE,
        "Content-Security-Policy": policy(request.app[SETTINGS]),
        "Vary": ", ".join(SIGNS),
    }
    return _answer(request, content, tag, headers, TYPES[".html"])


async def get_file(request: web.Request) -> web.Response:
    """One file, which is kept for good under the version it belongs to.

    Another version is that of a page from before a deployment, or from a server that is ahead: it gets the file as it
    is here, but not to keep.

    :raises NotFound: there is no such file.
    """
    found, name = gallery(), request.match_info["name"]
    content = found.files.get(name)
    if content is None or name == PAGE:
        raise NotFound("not_found", "The gallery has no such file.")
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    kept = request.match_info["version"] == found.version
    headers = {"ETag": tag, "Cache-Control": FOREVER if kept else REVALIDATE}
    return _answer(request, content, tag, headers, TYPES[Path(name).suffix])


def _answer(request: web.Request, content: bytes, tag: str, headers: dict[str, str], kind: str) -> web.Response:
    if matches(",".join(request.headers.getall("If-None-Match", [])), tag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=content, headers={**headers, "Content-Type": kind})
