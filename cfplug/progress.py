"""How a run tells a person what it is doing: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Teller(Protocol):
    """Whoever tells: `say` a line that stays, `progress` of the step that runs (0 to 1, None if unknown)."""

    def say(self, text: str) -> None: ...

    def progress(self, done: float | None, message: str) -> None: ...


class Quiet:
    """Tells nothing."""

    def say(self, text: str) -> None:
        pass

    def progress(self, done: float | None, message: str) -> None:
        pass


class Lines:
    """Plain lines, one for what is said and one for each new message of progress; for logs and pipes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._last = ""

    def say(self, text: str) -> None:
        print(text, file=self._stream or sys.stderr, flush=True)

    def progress(self, done: float | None, message: str) -> None:
        if message != self._last:
            self._last = message
            self.say(message)


class Bar:
    """A live bar below the lines that are said, for a terminal. Use it as a context manager."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self._bar: Progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def progress(self, done: float | None, message: str) -> None:
        if self._task is None:
            self._task = self._bar.add_task(message, total=1.0)
        total, completed = (None, 0.0) if done is None else (1.0, done)
        self._bar.update(self._task, description=message, total=total, completed=completed)
