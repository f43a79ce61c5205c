"""Describe how a delimited file is written, and find the line of a row.

The fast parser does not know lines; the standard library reads the file again for them.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from cfplug import DataError

if TYPE_CHECKING:
    from _csv import Reader

UNIT_SEPARATOR = "\x1f"
"""Replaces a separator of several characters, which neither parser supports."""


@frozen
class Dialect:
    """How a file is written; `columns` names the columns of a file without a header."""

    separator: str
    quote: str | None
    encoding: str
    columns: tuple[str, ...] | None

    @property
    def delimiter(self) -> str:
        return self.separator if len(self.separator) == 1 else UNIT_SEPARATOR

    @property
    def enclosing(self) -> str | None:
        return self.quote if len(self.separator) == 1 else None

    @property
    def codec(self) -> str:
        """Return the encoding, such that a byte order mark of UTF-8 is dropped."""
        name = codecs.lookup(self.encoding).name
        return "utf-8-sig" if name == "utf-8" else name

    def delimited(self, text: str) -> str:
        """Return `text` with a separator of one character."""
        return text.replace(self.separator, UNIT_SEPARATOR) if len(self.separator) > 1 else text

    def rows(self, lines: Iterable[str], *, strict: bool = False) -> Reader:
        """Return the rows of `lines`, as lists of texts."""
        return csv.reader(
            map(self.delimited, lines),
            delimiter=self.delimiter,
            quotechar=self.enclosing,
            quoting=csv.QUOTE_MINIMAL if self.enclosing else csv.QUOTE_NONE,
            strict=strict,
        )


def records(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line (from 1) and the cells of each row that is not blank, header included.

    Raises:
        DataError: A quote is never closed.
    """
    begins = 1
    with path.open(encoding=dialect.codec, newline="") as file:
        rows = dialect.rows(file)
        try:
            for fields in rows:
                if fields:
                    yield begins, fields
                begins = rows.line_num + 1
        except csv.Error as error:
            raise never_closed(path, begins, dialect) from error
        except UnicodeError as error:  # UTF-16 without its byte order mark
            raise DataError(f"{path.name}: is not {dialect.encoding}: {error}") from error


def line_of(path: Path, dialect: Dialect, row: int) -> int:
    """Return the first line of row `row` of the table (0 is the first after the header)."""
    skipped = row if dialect.columns else row + 1
    return next(line for line, _ in islice(records(path, dialect), skipped, None))


def check_shape(path: Path, dialect: Dialect, names: Iterable[str]) -> None:
    """Raise DataError for the first row with more or fewer cells than columns."""
    expected = len(tuple(names))
    rule = f"{expected} columns are named" if dialect.columns else f"the header has {expected}"
    for line, fields in records(path, dialect):
        if len(fields) != expected:
            cells = "1 cell" if len(fields) == 1 else f"{len(fields)} cells"
            raise DataError(f"{path.name}:{line}: the row has {cells}; {rule}")


def check_end(path: Path, dialect: Dialect) -> None:
    """Raise DataError if a quote in the last row is never closed."""
    begins = max(line for line, _ in records(path, dialect))
    text = path.read_text(encoding=dialect.codec)
    last = list(io.StringIO(text, newline=""))[begins - 1 :]
    try:
        list(dialect.rows(last, strict=True))
    except csv.Error as error:
        raise never_closed(path, begins, dialect) from error


def never_closed(path: Path, line: int, dialect: Dialect) -> DataError:
    """Return the error about a quote that is never closed."""
    return DataError(
        f"{path.name}:{line}: a quote ({dialect.enclosing}) is opened in this row and never "
        "closed; "
        "if quotes are plain characters in this file, set quote: null"
    )
