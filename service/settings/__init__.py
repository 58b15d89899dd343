"""All settings, read from the environment here and nowhere else.

A file for each subject. A field names its variable, its default and its meaning; the tables of docs/configuration.md
and `Settings.from_env` follow from the fields. Nobody makes an object of one subject alone, so only `Settings` has the
methods of a dataclass: making them costs start-up.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from service.errors import SettingsError
from service.settings.aws import Aws
from service.settings.connections import Connections
from service.settings.telemetry import Telemetry
from service.settings.uploads import Uploads
from service.settings.users import Users
from service.settings.web import Web
from service.settings.worker import Worker


# A dataclass takes the fields of its last base first.
@dataclass(frozen=True, kw_only=True)
class Settings(Telemetry, Worker, Uploads, Users, Connections, Web, Aws):
    """The service's and the worker's settings; sizes in bytes, times in seconds."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> "Settings":
        """Settings from `environ` (the process's own by default); `overrides` win, None among them means not given.

        :raises SettingsError: a variable has a value that cannot be used.
        """
        given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
        read, complaints = _read(os.environ if environ is None else environ, set(given))
        if complaints:
            raise SettingsError(complaints[0])
        return cls(**given, **read)

    @staticmethod
    def complaints(environ: Mapping[str, str] | None = None) -> list[str]:
        """What is wrong with each variable that cannot be used."""
        return _read(os.environ if environ is None else environ, set())[1]


def _read(environ: Mapping[str, str], given: set[str]) -> tuple[dict[str, Any], list[str]]:
    """The fields that the environment sets, but for those that are given already; and what is wrong with others."""
    values: dict[str, Any] = {}
    complaints: list[str] = []
    for one in fields(Settings):
        found = next((name for name in one.metadata["env"] if environ.get(name)), None)
        if one.name in given or found is None:
            continue
        read = one.metadata["read"]
        try:
            values[one.name] = read(environ[found])
        except (ValueError, KeyError):
            complaints.append(f"{found} must be {read.__doc__}, not {environ[found]!r}.")
    # One variable can be that of several fields.
    return values, list(dict.fromkeys(complaints))
