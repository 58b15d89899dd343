"""`GET /v1/usage`: what a user's images take up, and what they may."""

from aiohttp import web

from service.http.auth import authenticated
from service.http.keys import STORAGE
from service.http.parameters import refuse_unknown
from service.http.views import answer


async def get_usage(request: web.Request) -> web.Response:
    """Images and bytes of the user; limits that there are none of are null."""
    user_id = authenticated(request)
    refuse_unknown(request, set())
    usage = request.app[STORAGE].usage
    used, quota = await usage.get(user_id), usage.quota
    return answer({"images": used.images, "bytes": used.bytes, "quota": {"images": quota.images, "bytes": quota.bytes}})
