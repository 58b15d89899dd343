"""One setting: a field of a dataclass that says itself where it is read from and what it means."""

from collections.abc import Callable
from dataclasses import field
from typing import Any

MIB = 1024 * 1024


def setting(env: str | tuple[str, ...], default: Any, read: Callable[[str], Any], about: str) -> Any:
    """A field read from the first of the variables `env` that is set and not empty; `read` is one of `values`."""
    names = (env,) if isinstance(env, str) else env
    return field(default=default, metadata={"env": names, "read": read, "about": about})
