"""Progress bars on a terminal; anywhere else nothing of the kind."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from service.cli.outcomes import STYLES, Outcome
from service.cli.plain import on_terminal, plain

if TYPE_CHECKING:
    from rich.progress import Progress


class Bars:
    """A bar for all files and one for each that is under way, on stderr. Lines go to stdout, above the bars."""

    def __init__(self, total: int) -> None:
        """`total` in bytes."""
        self._total = total
        self._progress: Progress | None = None
        self._all: Any = None

    def __enter__(self) -> "Bars":
        if on_terminal(sys.stderr) and os.environ.get("TERM") != "dumb":
            self._progress = _progress()
            self._all = self._progress.add_task("", name="all", total=self._total)
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None

    @contextmanager
    def file(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        """The bar of one file."""
        progress = self._progress
        if progress is None:
            yield lambda count: None
            return
        task = progress.add_task("", name=plain(name), total=size)

        def gone(count: int) -> None:
            progress.advance(task, count)
            progress.advance(self._all, count)

        try:
            yield gone
        finally:
            progress.remove_task(task)

    def skip(self, size: int) -> None:
        """So many bytes do not have to go."""
        if self._progress:
            self._progress.advance(self._all, size)

    def say(self, outcome: Outcome) -> None:
        """A line for people."""
        kind, rest = outcome.words()
        if not on_terminal(sys.stdout):
            print(f"{kind}  {rest}", flush=True)
            return
        from rich.console import Console
        from rich.text import Text

        console = self._progress.console if self._progress else Console()
        console.print(Text.assemble((kind, STYLES.get(outcome.kind, "yellow")), "  ", rest), soft_wrap=True)


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    name = TextColumn(
        "{task.fields[name]}", markup=False, table_column=Column(ratio=2, no_wrap=True, overflow="ellipsis")
    )
    columns = (name, BarColumn(None, table_column=Column(ratio=2)), DownloadColumn(), TimeRemainingColumn(compact=True))
    # What is written beside it is not its matter: lines go where the user has led them.
    return Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        expand=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
