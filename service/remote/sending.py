"""Content on its way to where it is sent."""

from collections.abc import AsyncIterator, Callable

from service.remote.content import Content

Progress = Callable[[int], object]
"""Is told of bytes, each time how many more they are; fewer than none when they have to be sent again."""


class Sending:
    """One try: whether all of the content has been handed over, and what went wrong on our side.

    `step` is called for each piece that has been handed over.
    """

    def __init__(self, content: Content, progress: Progress | None) -> None:
        self._content = content
        self._progress = progress
        self._sent = 0
        self.step: Callable[[], object] = lambda: None
        self.whole = False
        self.error: OSError | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body of the request."""
        try:
            async for chunk in self._content.chunks():
                yield chunk
                self.step()
                self._report(len(chunk))
            self.whole = True
        except OSError as error:
            self.error = error
            raise

    def take_back(self) -> None:
        """It was in vain."""
        self._report(-self._sent)

    def _report(self, count: int) -> None:
        self._sent += count
        if self._progress and count:
            self._progress(count)
