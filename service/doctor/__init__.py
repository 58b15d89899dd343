"""`cloud-images doctor`: everything that the service and the worker need, looked at from the ground up."""

from collections.abc import Mapping

from service.doctor.decoding import check_decoder
from service.doctor.machine import check_machine
from service.doctor.serving import check_service
from service.doctor.users import check_users
from service.doctor.variables import SETTINGS, check_contradictions, check_variables
from service.findings import Examination, Finding, State
from service.settings import Settings
from service.storage.checkup import check_aws

DEPENDENT = ("users", "spool", "open files", "memory", "decoder", "credentials", "bucket", "table", "queue")
"""What needs settings; the checks that only follow from these are left out when there are none."""


async def examine(examination: Examination, environ: Mapping[str, str], url: str | None) -> None:
    """Make all checks.

    :param environ: where the settings are read from.
    :param url: where a service answers that is to be looked at, too.
    """
    check_variables(examination, environ)
    if examination.good(SETTINGS):
        settings = Settings.from_env(environ)
        check_contradictions(examination, settings, environ)
        await check_users(examination, settings)
        await check_machine(examination, settings)
        await check_decoder(examination, settings)
        await check_aws(examination, settings)
    else:
        for what in DEPENDENT:
            examination.add(Finding(what, State.UNCHECKED, "because `settings` is not right"))
    if url:
        await check_service(examination, url)
