"""What every answer tells browsers, so that none of them can be turned into something else than it is."""

from collections.abc import MutableMapping

SERVER = "cloud-images"
"""The `Server` header: which versions run here is nobody's business."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Shown as a page of its own or in a frame, it can load and do nothing. A page that may do more says so itself.
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    # No other site's page can embed it, and read it by the ways that processors leak.
    "Cross-Origin-Resource-Policy": "same-origin",
    # A presigned URL, or an id, is nobody else's business.
    "Referrer-Policy": "no-referrer",
}


def make_safe(headers: MutableMapping[str, str]) -> None:
    """Add what is not said yet."""
    headers["Server"] = SERVER
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
