"""`doctor`'s checks of AWS, made in this process."""

from dataclasses import dataclass

from service.findings import Examination, Finding, State
from service.settings import Settings
from service.storage.checkup import check_aws


@dataclass(frozen=True)
class Report:
    """What was found."""

    findings: list[Finding]

    def __getitem__(self, what: str) -> Finding:
        """The finding of one check."""
        (found,) = [one for one in self.findings if one.what == what]
        return found

    def besides(self, state: State) -> dict[str, str]:
        """The checks that have another verdict, with what was seen."""
        return {one.what: f"{one.state}: {one.seen}" for one in self.findings if one.state is not state}

    @property
    def wrong(self) -> set[str]:
        """The checks that say that something is wrong."""
        return {one.what for one in self.findings if one.state is State.WRONG}


async def checked(settings: Settings) -> Report:
    """All checks of the AWS of these settings."""
    examination = Examination(lambda _: None)
    await check_aws(examination, settings)
    return Report(examination.findings)
