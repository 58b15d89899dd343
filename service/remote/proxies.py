"""Which proxy a request goes through, as the environment says it: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY.

aiohttp can find that out, too (`trust_env`), but sends the passwords of `.netrc` along then: with a token beside them
it fails, and to S3 they would go with requests that are signed already.
"""

import ipaddress
from urllib.request import getproxies_environment, proxy_bypass

from yarl import URL

from service.remote.errors import ImagesError


def proxy_for(url: URL) -> URL | None:
    """The proxy for requests to this address, with its user and password if it has such; None: there is none.

    This machine is asked without one: its loopback addresses would mean another machine to a proxy.

    :raises ImagesError: what the environment names is no proxy that can be used.
    """
    host = url.host or ""
    named = getproxies_environment()
    text = named.get(url.scheme) or named.get("all")
    if not text or _is_here(host) or proxy_bypass(f"{url.host_subcomponent}:{url.port}"):
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
