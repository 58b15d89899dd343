"""What the gallery page may do in a browser (Content Security Policy, level 3): ask this service, and little more."""

from service.settings import Settings
from service.storage.origins import public_origins

FIXED = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    # Pictures are fetched with the user's credentials, which no <img> can send, and shown from memory.
    "img-src": "'self' blob:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    # Text of users can never become markup or script, not even by a mistake of ours.
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}


def policy(settings: Settings) -> str:
    """The header's value; S3 may be asked only where images go straight to it."""
    elsewhere = public_origins(settings) if settings.direct_upload_from is not None else ()
    directives = {**FIXED, "connect-src": " ".join(("'self'", *elsewhere))}
    return "; ".join(f"{name} {value}" for name, value in directives.items())
