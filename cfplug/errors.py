"""Errors with their place and advice, and the small grammar that their texts share."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen


@frozen
class Place:
    """A place in what a person wrote: a file with line and column (both from 1), or an option."""

    source: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(
            str(part) for part in (self.source, self.line, self.column) if part is not None
        )


@frozen
class Problem:
    """One fault: its place, the key or column that it is about, and what to do."""

    place: Place | None
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(str(part) for part in (self.place, self.path, self.message) if part)


class CfplugError(Exception):
    """The base of every error that cfplug raises on purpose; its text is for people."""

    exit_code = 1


class ProblemsError(CfplugError):
    """Several problems, all found in one pass, in the order of the file that they are about."""

    exit_code = 2
    closing = "nothing was run."

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        closing = f"{counted(len(self.problems), 'problem')}; {self.closing}"
        super().__init__("\n".join([*map(str, self.problems), closing]))


class ParameterError(CfplugError, ValueError):
    """A parameter that breaks a rule, or two that do not fit together.

    Args:
        key: The parameter, or the keys that lead to the value in it: `("roles", "users.age")`.
        message: What was expected, and what was given.
    """

    def __init__(self, key: str | Iterable[str], message: str) -> None:
        self.path = (key,) if isinstance(key, str) else tuple(key)
        self.message = message
        super().__init__(self.path, message)

    def __str__(self) -> str:
        return f"{': '.join(self.path)}: {self.message}"


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
        self.message = message
        self.table = table
        self.row = row
        self.column = column
        where = [table] if table else []
        if row is not None:
            where.append(f"row {row}")
        if column:
            where.append(f"column {column}")
        place = ", ".join(where)
        super().__init__(f"{place}: {message}" if place else message)


class DownloadError(DataError):
    """No address gave the data; the text lists each one with its reason."""


class UnknownIdError(CfplugError):
    """An id that training never saw was asked about, and the recipe's policy is `error`."""


class PluginError(CfplugError):
    """A plugin or one of its components cannot be used."""


class CapabilityError(CfplugError):
    """A model was asked for something that its declaration does not provide."""


class TrainingError(CfplugError):
    """Training could not go on, as when the loss became NaN."""


class ArtifactError(CfplugError):
    """A run folder could not be written, or is not what it was when it was written."""


def error_text(error: BaseException) -> str:
    """Return `ValueError: its text`, whatever an error class of a plugin does."""
    try:
        text = str(error)
    except Exception:  # its __str__ is a plugin's code
        text = "(it has no readable text)"
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def shown(value: Any) -> str:
    """Return a value as a recipe would write it, on one line of at most 80 characters."""
    text = _as_recipe(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _as_recipe(value: Any) -> str:
    """Write `null`, `'pmf'`, `[1, 2.5]`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        entries = [f"{printable(str(key))}: {_as_recipe(item)}" for key, item in value.items()]
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_as_recipe, value)) + "]"
    return repr(value)


def is_one_line(text: str) -> bool:
    """Return whether a terminal shows `text` on one line, without control characters."""
    return not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)


def printable(text: str) -> str:
    """Return `text` itself if it is one line, else its escaped form."""
    return text if is_one_line(text) else repr(text)


# Grammar


def with_article(noun: str) -> str:
    """Return `a metric`, `an analyzer`, `a user`."""
    word = noun.lower()
    sounds_like_you = word.startswith(("us", "uni"))
    if word.startswith(tuple("aeiou")) and not sounds_like_you:
        return f"an {noun}"
    return f"a {noun}"


def plural(noun: str) -> str:
    """Return `metrics` for metric, `losses` for loss, `categories` for category."""
    if noun.endswith(("s", "x", "ch")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def counted(count: int, noun: str) -> str:
    """Return `1 problem`, `2 problems`, `1,204 ratings`."""
    return f"{count:,} {noun if count == 1 else plural(noun)}"


def listed(names: Iterable[object], conjunction: str = "and") -> str:
    """Return `a, b and c`; nothing for no names."""
    texts = [str(name) for name in names]
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {conjunction} {texts[-1]}"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that `name` was most likely meant to be, or None."""
    folded = {candidate.casefold().replace("_", "-"): candidate for candidate in sorted(names)}
    close = difflib.get_close_matches(name.casefold().replace("_", "-"), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: `; did you mean factors?`, or nothing."""
    guess = nearest(name, names)
    return f"; did you mean {guess}?" if guess else ""
