"""What went wrong, where, and what to do about it: the ground floor that every module stands on."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen


@frozen
class Place:
    """A spot in something that a person wrote: a file with line and column, or an option."""

    source: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(
            str(part) for part in (self.source, self.line, self.column) if part is not None
        )


@frozen
class Problem:
    """One fault: its place, the key or column it is about, and what to do."""

    place: Place | None
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(str(part) for part in (self.place, self.path, self.message) if part)


class CfplugError(Exception):
    """The root of every error that cfplug raises on purpose; its text is meant for a person."""

    exit_code = 1


class ProblemsError(CfplugError):
    """Several problems, all found in one pass, in the order of the text that they are about."""

    exit_code = 2
    closing = "nothing was run."

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        closing = f"{count} {'problem' if count == 1 else 'problems'}; {self.closing}"
        super().__init__("\n".join([*map(str, self.problems), closing]))


class RecipeError(ProblemsError):
    """A recipe that cannot be run as it is written."""


class DataError(CfplugError):
    """Data that breaks a rule; `table`, `row` (0-based) and `column` say where, when known."""

    def __init__(
        self,
        message: str,
        *,
        table: str | None = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        self.message, self.table, self.row, self.column = message, table, row, column
        where = [
            table,
            f"row {row}" if row is not None else None,
            f"column {column}" if column else None,
        ]
        prefix = ", ".join(part for part in where if part)
        super().__init__(f"{prefix}: {message}" if prefix else message)


class DownloadError(DataError):
    """No way led to the data; the text lists each way with its reason."""


class UnknownIdError(CfplugError):
    """An id that training never saw was asked about, and the recipe's policy is `error`."""


class PluginError(CfplugError):
    """A plugin or one of its components cannot be used."""


class CapabilityError(CfplugError):
    """A model was asked for something that its declaration does not give."""


class TrainingError(CfplugError):
    """Training could not go on, as when the loss became NaN."""


class ArtifactError(CfplugError):
    """A run folder could not be written, or is not what it was when it was written."""


def shown(value: Any) -> str:
    """A value as a recipe would say it, on one line and not too long: `null`, `'pmf'`, `[1, 2.5]`."""
    words = _words(value)
    return words if len(words) <= 80 else f"{words[:77]}..."


def is_one_line(text: str) -> bool:
    """Whether a terminal shows `text` on one line, and obeys nothing in it."""
    return not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)


def printable(text: str) -> str:
    """`text` itself where it is one line, and its escaped form where not."""
    return text if is_one_line(text) else repr(text)


def _words(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{printable(str(key))}: {_words(item)}" for key, item in value.items())
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_words, value)) + "]"
    return repr(value)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` was most likely meant to be, or None."""
    folded = {candidate.casefold().replace("_", "-"): candidate for candidate in sorted(names)}
    close = difflib.get_close_matches(name.casefold().replace("_", "-"), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of a message about an unknown name: `; did you mean factors?`, or nothing."""
    guess = nearest(name, names)
    return f"; did you mean {guess}?" if guess else ""
