"""The description of this API, for programs (OpenAPI 3.1) and for people; `make openapi` makes both."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from aiohttp import web

from service.http.content import matches

DOCUMENT, PAGE = Path(__file__).with_name("openapi.json"), Path(__file__).with_name("docs.html")
SECONDS = 300
"""How long a client may go on with its copy: a deployment may change the document."""
STYLE = re.compile(rb"<style>(.*?)</style>", re.DOTALL)


@cache
def _read(file: Path) -> tuple[bytes, str]:
    """The bytes and their tag; read once, and only by who is asked for them."""
    content = file.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@cache
def _policy() -> str:
    """What the page may do: show its own style, which the hash names, and nothing else."""
    found = STYLE.search(_read(PAGE)[0])
    assert found is not None
    style = base64.b64encode(hashlib.sha256(found[1]).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


async def get_openapi(request: web.Request) -> web.Response:
    """`GET /openapi.json`: the document, or 304 for who has it. Asks for no user."""
    return _answer(request, DOCUMENT, "application/json", {})


async def get_docs(request: web.Request) -> web.Response:
    """`GET /docs`: the page, or 304 for who has it. Asks for no user; runs no script and loads nothing."""
    return _answer(request, PAGE, "text/html", {"Content-Security-Policy": _policy()})


def _answer(request: web.Request, file: Path, kind: str, more: dict[str, str]) -> web.Response:
    content, tag = _read(file)
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={SECONDS}", **more}
    if matches(",".join(request.headers.getall("If-None-Match", [])), tag):
        return web.Response(status=304, headers=headers)
    return web.Response(
        body=content, content_type=kind, charset="utf-8" if kind == "text/html" else None, headers=headers
    )
