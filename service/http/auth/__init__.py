"""Who is asking, found out before a body byte is read and before `100 Continue`. Each AUTH_MODE has a file here."""

from collections.abc import AsyncIterator

from aiohttp import web

from service import logs
from service.http.auth.credentials import Authenticator
from service.http.auth.header import HeaderTrust
from service.http.problems import Handler
from service.http.rate_limit import allow
from service.settings import Settings

AUTHENTICATOR = web.AppKey("authenticator", Authenticator)
USER = web.RequestKey("user", str)
OPEN = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/", "/gallery/{version}/{name}"})
"""Routes that ask nobody: balancers, scrapers and pages have no user, and nothing of any user is in their answers."""


def make_authenticator(settings: Settings) -> Authenticator:
    """What tells users apart in this AUTH_MODE.

    :raises SettingsError: the settings that this mode needs are missing, or cannot be used.
    """
    if settings.auth_mode == "api-key":
        from service.http.auth.api_key import ApiKeys

        return ApiKeys(settings)
    if settings.auth_mode == "jwt":
        # Not at the top: with the cryptography behind it, it takes 50 ms to import, which the other modes need not pay.
        from service.http.auth.token import Tokens

        return Tokens(settings)
    return HeaderTrust(settings)


@web.middleware
async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets nobody through to a handler whose user is not known; a new route is closed unless it stands in `OPEN`.

    :raises Unauthenticated: the request does not say, or not credibly, who is asking.
    :raises TooManyRequests: this user asks too often.
    """
    resource = request.match_info.route.resource
    if resource is not None and resource.canonical not in OPEN:
        request[USER] = await request.app[AUTHENTICATOR].user_of(request)
        logs.note(user_id=request[USER])
        allow(request, request[USER])
    return await handler(request)


async def authentication(app: web.Application) -> AsyncIterator[None]:
    """Ends with the application what the authenticator has opened."""
    yield
    await app[AUTHENTICATOR].close()


def authenticated(request: web.Request) -> str:
    """The id of the user who is asking; it fits `USER_ID`."""
    return request[USER]
