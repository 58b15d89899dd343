"""What the page can know before its first call: whether that would be refused for want of a user."""

from aiohttp import web

from service.settings import Settings

SIGNS = (
    *(
        "Forwarded",
        "Via",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Prefix",
        "X-Real-Ip",
    ),
    *("X-User-Id", "X-Api-Key", "Authorization", "Cookie"),
)
"""Headers of something before the service, which may say who is asking, or of a client that says it in each request."""


def scheme_to_ask_for(request: web.Request, settings: Settings) -> str:
    """The scheme of the credential that people have to type: `X-User-Id` or `Bearer`.

    Empty when calls of the page may have a user without that. Then it asks the service first, and people only when it
    is refused.
    """
    if any(name in request.headers for name in SIGNS):
        return ""
    if settings.auth_mode == "header":
        return "" if settings.trust_user_header else "X-User-Id"
    return "Bearer"
