"""Files whose rows name a user and an item, such as u1.base."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from cfplug import DataError
from cfplug.errors import did_you_mean
from cfplug_splits import PredefinedParams

if TYPE_CHECKING:
    from _csv import Reader

    import numpy as np

_SEPARATORS = ("\t", ";", "::", "|", ",")
_UNIT_SEPARATOR = "\x1f"
"""Replaces a separator of several letters, which the parser does not know."""


@frozen(eq=False)
class PairFile:
    """The pairs in a file: the texts `users` and `items`, and their `lines`, each of shape (n,)."""

    path: Path
    users: np.ndarray
    items: np.ndarray
    lines: np.ndarray

    def place(self, position: int) -> str:
        """Return the place of a pair, as `u1.base:17`."""
        return f"{self.path.name}:{self.lines[position]}"

    def pair(self, position: int) -> str:
        """Return the place of a pair with its user and item."""
        return f"{self.place(position)}: user {self.users[position]}, item {self.items[position]}"


def read_pairs(path: Path, params: PredefinedParams) -> PairFile:
    """Return the pairs in `path`; DataError if it cannot be read, or names the line that has no
    pair.
    """
    import numpy as np

    try:
        rows = list(_rows(path, params))
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name}: is not {params.encoding}; say which encoding it is (encoding: latin-1)"
        ) from error
    if not rows:
        raise DataError(f"{path.name}: the file names no pair")
    lines, users, items = zip(*rows, strict=True)
    return PairFile(
        path, np.array(users, dtype=object), np.array(items, dtype=object), np.array(lines)
    )


def _rows(path: Path, params: PredefinedParams) -> Iterator[tuple[int, str, str]]:
    """Return line, user and item of every row that is not blank."""
    codec = codecs.lookup(params.encoding).name
    begins, header = 1, params.header
    with path.open(encoding="utf-8-sig" if codec == "utf-8" else codec, newline="") as file:
        rows = _reader(file, "\t" if params.separator in ("tab", "\\t") else params.separator)
        try:
            for cells in rows:
                if cells and not header:
                    yield begins, *_pair(cells, path, begins)
                header = header and not cells
                begins = rows.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path.name}:{begins}: cannot be read: {error}") from error


def _reader(lines: Iterable[str], separator: str) -> Reader:
    if len(separator) == 1:
        return csv.reader(lines, delimiter=separator, strict=True)
    joined = (line.replace(separator, _UNIT_SEPARATOR) for line in lines)
    return csv.reader(joined, delimiter=_UNIT_SEPARATOR, quoting=csv.QUOTE_NONE)


def _pair(cells: list[str], path: Path, line: int) -> tuple[str, str]:
    if len(cells) < 2:
        other = next((each for each in _SEPARATORS if each in cells[0]), None)
        hint = f"; is the separator {other!r}?" if other else ""
        raise DataError(
            f"{path.name}:{line}: a row begins with a user and an item; is {cells[0]!r}{hint}"
        )
    return cells[0], cells[1]


def _unreadable(path: Path, error: OSError) -> DataError:
    if path.exists():
        return DataError(f"{path}: cannot be read: {error.strerror}")
    if not path.parent.is_dir():
        return DataError(f"{path}: there is no folder {path.parent}")
    others = sorted(each.name for each in path.parent.iterdir())
    return DataError(f"{path}: there is no such file{did_you_mean(path.name, others)}")
