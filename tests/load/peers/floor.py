"""The floor: `python floor.py S3_ENDPOINT BUCKET PORT`. A bare aiohttp handler that PUTs with obstore."""

import sys
import uuid
from collections.abc import AsyncIterator

import obstore
import uvloop
from aiohttp import web
from obstore.store import S3Store

STORE = web.AppKey("store", S3Store)


async def upload(request: web.Request) -> web.Response:
    """Store the body as it is."""
    body = await request.read()
    key = f"floor/{uuid.uuid4().hex}"
    await obstore.put_async(request.app[STORE], key, body, use_multipart=False)
    return web.json_response({"key": key}, status=201)


async def _store(app: web.Application) -> AsyncIterator[None]:
    app[STORE] = S3Store(
        sys.argv[2],
        endpoint=sys.argv[1],
        access_key_id="test",
        secret_access_key="test",
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    yield


def main() -> None:
    """Serve until SIGTERM."""
    app = web.Application(client_max_size=6 * 1024 * 1024)
    app.cleanup_ctx.append(_store)
    app.router.add_post("/upload", upload)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[3]), access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
