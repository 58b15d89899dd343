"""Which proxy a request goes through, as the environment says it: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY.

aiohttp can find that out, too (`trust_env`), but sends the passwords of `.netrc` along then: with a token beside them
it fails, and to S3 they would go with requests that are signed already.
"""

import base64
import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.request import getproxies_environment, proxy_bypass

from yarl import URL

from service.remote.errors import ImagesError


def way_to(url: URL, headers: Mapping[str, str]) -> dict[str, Any]:
    """How a request with these headers gets to this address, as arguments of aiohttp's.

    :raises ImagesError: as `proxy_for` does.
    """
    return way_through(proxy_for(url), url, headers)


def way_through(proxy: URL | None, url: URL, headers: Mapping[str, str]) -> dict[str, Any]:
    """The same, through this proxy if there is one; its user and password stay out of what errors of aiohttp show."""
    if proxy is None:
        return {"headers": headers}
    known = {}
    if proxy.user is not None:
        secret = base64.b64encode(f"{proxy.user}:{proxy.password or ''}".encode()).decode()
        known = {"Proxy-Authorization": f"Basic {secret}"}
    bare = proxy.with_user(None)
    if url.scheme == "https":  # what comes after the CONNECT is not for the proxy
        return {"headers": headers, "proxy": bare, "proxy_headers": known}
    return {"headers": {**headers, **known}, "proxy": bare}


def proxy_for(url: URL) -> URL | None:
    """The proxy for requests to this address, with its user and password if it has such; None: there is none.

    This machine is asked without one: its loopback addresses would mean another machine to a proxy.

    :raises ImagesError: what the environment names is no proxy that can be used.
    """
    host = url.host or ""
    named = getproxies_environment()
    text = named.get(url.scheme) or named.get("all")
    if not text or _is_here(host) or proxy_bypass(f"{url.host_subcomponent}:{url.port}") or proxy_bypass(host):
        return None
    try:
        proxy = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        proxy = URL()
    if proxy.scheme not in ("http", "https") or not proxy.host:
        raise ImagesError(
            f"The proxy for {url.scheme} that the environment names cannot be used: one looks like http://proxy:3128. "
            f"With {host} in NO_PROXY it is asked without one."
        )
    return proxy


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761, section 6.3
