"""Which version of the service this is."""

import functools
from importlib.metadata import PackageNotFoundError, version


@functools.cache
def installed() -> str:
    """The version that is installed; `unknown` where the code runs without being so, as on Lambda."""
    try:
        return version("cloud-image-service")
    except PackageNotFoundError:
        return "unknown"
