"""`GET /openapi.json`: the description of this API (OpenAPI 3.1), which `make openapi` converts from `openapi.yaml`."""

import hashlib
from functools import cache
from pathlib import Path

from aiohttp import web

from service.http.content import matches

DOCUMENT = Path(__file__).with_name("openapi.json")
SECONDS = 300
"""How long a client may go on with its copy: a deployment may change the document."""


@cache
def _document() -> tuple[bytes, str]:
    """The bytes and their tag; read once, and only by who is asked for them."""
    document = DOCUMENT.read_bytes()
    return document, f'"{hashlib.sha256(document).hexdigest()[:32]}"'


async def get_openapi(request: web.Request) -> web.Response:
    """The document, or 304 for who has it. Asks for no user."""
    document, tag = _document()
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={SECONDS}"}
    if matches(",".join(request.headers.getall("If-None-Match", [])), tag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=document, content_type="application/json", headers=headers)
