"""How far a long command has come: bars with the time left on a terminal, a line now and then in a file.

All of it goes to standard error, so that what a command prints can be piped. Nothing is shown but within
``progress_shown``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # what only answers a question does not wait for rich
    from rich.console import Console
    from rich.progress import Progress, TaskID

Item = TypeVar("Item")

SECONDS = 10.0
"""Between two lines in a file; what takes no longer leaves none."""


class Display:
    """What is shown of one command: any number of bars at once, or lines."""

    def __init__(self, console: Console | None = None) -> None:
        self._console, self._bars = console, 0
        self._progress: Progress | None = None

    @property
    def console(self) -> Console:
        """Of standard error, unless another was given."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(stderr=True)
        return self._console

    @property
    def progress(self) -> Progress:
        """All bars; nothing is drawn but on a terminal."""
        if self._progress is None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            alive = self.console.is_terminal
            self._progress = Progress(
                *columns, console=self.console, disable=not alive, transient=True, redirect_stdout=False
            )
        return self._progress

    @contextmanager
    def bar(self, what: str, total: int, done: int = 0, *, quiet: bool = False) -> Iterator[Bar]:
        """A bar that stands as long as the body runs; a ``quiet`` one leaves no lines in a file."""
        bar = Bar(self, what, total, done, quiet=quiet)
        self._bars += 1
        self.progress.start()
        try:
            yield bar
        finally:
            self._bars -= 1
            if not self._bars:
                self.progress.stop()
            self.progress.remove_task(bar.task)

    def say(self, line: str) -> None:
        """A line, in a file alone."""
        if not self.console.is_terminal:
            self.console.print(line, highlight=False, soft_wrap=True, markup=False)


class Bar:
    """So much of so much is done."""

    def __init__(self, display: Display, what: str, total: int, done: int, *, quiet: bool) -> None:
        self.display, self.what, self.total, self.done = display, what, total, done
        self.task: TaskID = display.progress.add_task(what, total=total, completed=done)
        self.before, self.began = done, time.monotonic()
        self.told, self.quiet = self.began, quiet

    def step(self) -> None:
        """One more is done."""
        self.done += 1
        self.display.progress.advance(self.task)
        if not self.quiet and time.monotonic() - self.told >= SECONDS:
            self.told = time.monotonic()
            self.display.say(f"{self.what} {self.done}/{self.total}, {self.time_left()} left")

    def describe(self, what: str) -> None:
        """Another text beside the bar."""
        self.display.progress.update(self.task, description=what)

    def time_left(self, further: int = 0) -> str:
        """Of what is left, and of ``further`` beyond it, each taking as long as one has until now."""
        each = (time.monotonic() - self.began) / max(self.done - self.before, 1)
        return duration((self.total - self.done + further) * each)


def duration(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> duration(75.2), duration(3675)
    ('1:15', '1:01:15')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


_SHOWN: ContextVar[Display | None] = ContextVar("shown", default=None)


@contextmanager
def progress_shown(shown: bool = True, display: Display | None = None) -> Iterator[Display | None]:
    """Within the body progress is shown, on the display that there is or on another; not ``shown``, none is."""
    chosen = (display or _SHOWN.get() or Display()) if shown else None
    token = _SHOWN.set(chosen)
    try:
        yield chosen
    finally:
        _SHOWN.reset(token)


def watched(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """The items, ``total`` of them or fewer; one is done when the next is asked for."""
    display = _SHOWN.get()
    if display is None:
        yield from items
        return
    with display.bar(what, total) as bar:
        for item in items:
            yield item
            bar.step()
