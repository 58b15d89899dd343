"""What the application holds, under typed keys."""

import asyncio

from aiohttp import web

from service.intake.spool import Spool
from service.intake.structure import Limits
from service.settings import Settings
from service.storage import Storage

SETTINGS = web.AppKey("settings", Settings)
LIMITS = web.AppKey("limits", Limits)
SPOOL = web.AppKey("spool", Spool)
STORAGE = web.AppKey("storage", Storage)
CLOSING = web.AppKey("closing", asyncio.Event)
"""Set when the server shuts down, for requests that only wait."""
