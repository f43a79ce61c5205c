"""Report what a run is doing: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import re
import sys
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


class Reporter(Protocol):
    """What a run reports to."""

    def say(self, text: str) -> None:
        """Print a line that stays."""

    def progress(self, done: float | None, message: str) -> None:
        """Show the part of the present step that is done, 0 to 1 or None if unknown."""


class Quiet:
    """Reports nothing."""

    def say(self, text: str) -> None:
        pass

    def progress(self, done: float | None, message: str) -> None:
        pass


class Lines:
    """Plain lines, for logs and pipes: each new piece of work, and each quarter of it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._message = ""
        self._stage = ("", 0)

    def say(self, text: str) -> None:
        print(text, file=self._stream or sys.stderr, flush=True)

    def progress(self, done: float | None, message: str) -> None:
        stage = (_work(message), int(4 * (_share(done) or 0)))
        if message not in ("", self._message) and stage != self._stage:
            self._message, self._stage = message, stage
            self.say(message)


class Bar:
    """A live bar below the lines that stay, for a terminal. Use it as a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar: Progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[percent]}"),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None
        self._working: tuple[str, bool] | None = None

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def progress(self, done: float | None, message: str) -> None:
        share = _share(done)
        if self._task is None or self._working != (_work(message), share is None):
            self._task = self._begin(message, share)
        percent = "" if share is None else f"{share:4.0%}"
        self._bar.update(self._task, description=message, completed=share or 0.0, percent=percent)

    def _begin(self, message: str, share: float | None) -> TaskID:
        """Start a new bar for new work: rich resets neither the bar nor its clock."""
        self._working = (_work(message), share is None)
        if self._task is not None:
            self._bar.remove_task(self._task)
        total = None if share is None else 1.0
        return self._bar.add_task(message, total=total, percent="")


def _work(message: str) -> str:
    """Return a message without its numbers, which change while the work is the same."""
    return re.sub(r"[0-9.,]+", "", message)


def _share(done: float | None) -> float | None:
    """Return the part done, 0 to 1, whatever a component reported; None if unknown."""
    if done is None or math.isnan(done):
        return None
    return min(max(done, 0.0), 1.0)
