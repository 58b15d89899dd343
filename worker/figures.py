"""What a worker tells of its work, while it works, to whoever counts it."""

from collections.abc import Callable

from service.images import Status
from worker.sweep.report import Report


class Figures:
    """Told of all that happens; this one keeps nothing, `worker.metrics` counts it for Prometheus.

    Nothing here takes time or raises, so that nobody who tells needs to care.
    """

    def works_on(self, under_way: Callable[[], int]) -> None:
        """Whenever it is called, `under_way` says how many messages the worker has in hand."""

    def polled(self) -> None:
        """The worker asks the queue, or looks whether it has room to."""

    def received(self, waited: float) -> None:
        """A message has come for the first time, that many seconds after it was sent."""

    def finished(self, status: Status | None, code: str = "", size: int = 0) -> None:
        """An upload of so many bytes has this status for this reason; None: an earlier delivery had done it."""

    def ready(self, seconds: float) -> None:
        """An image has become ready so long after it was accepted."""

    def retried(self, code: str) -> None:
        """A delivery did not work; unless it was the last one, the message comes again."""

    def away(self, code: str) -> None:
        """A part of AWS (or all decoders) could not be had, and something has to wait for it."""

    def decoder_started(self) -> None:
        """A decoder process has been started."""

    def decoder_died(self, code: str) -> None:
        """One has died, or was ended for what it did."""

    def decoded(self, seconds: float) -> None:
        """One has given its verdict after so long."""

    def swept(self, report: Report, *, whole: bool) -> None:
        """A sweep has ended: with all that there is (`whole`), or it was passed on in the middle."""

    def sweep_broke_off(self) -> None:
        """A sweep could not go on; somebody else does."""


NOBODY = Figures()
