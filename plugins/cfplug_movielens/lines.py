"""From the bytes of a file to its rows, strictly: whatever is wrong is named by file and line."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping

import pandas as pd
from attrs import frozen

from cfplug import DataError, Place, did_you_mean
from cfplug_movielens.archive import Member

_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_SEPARATORS = {"\t": "tabs", "|": "vertical bars"}


@frozen
class Format:
    """How the lines of a file are written. `header` is the first line, where it has one."""

    columns: tuple[str, ...]
    separator: str
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()

    @property
    def first_line(self) -> int:
        """The number, from 1, of the first line that holds data."""
        return 2 if self.header else 1


@frozen
class Row:
    """One line: its place and its cells by column."""

    place: Place
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def whole(self, column: str) -> int:
        """The cell as a whole number; DataError with the place if it is none."""
        if not _WHOLE.fullmatch(self.cells[column]):
            raise self.wrong(column, "must be a whole number")
        return int(self.cells[column])

    def wrong(self, column: str, rule: str) -> DataError:
        """An error about one cell, for the caller to raise."""
        return DataError(f"{self.place}: {column}: {rule}; is {self.cells[column]!r}")


def rows(member: Member, form: Format) -> Iterator[Row]:
    """The rows of a file; DataError at the first line that is not written as `form` says."""
    lines = member.data.rstrip(b"\r\n").split(b"\n")
    if form.header:
        _check_header(Place(member.place, 1), lines.pop(0), form)
    for number, line in enumerate(lines, form.first_line):
        place = Place(member.place, number)
        yield Row(place, dict(zip(form.columns, _cells(place, line, form), strict=True)))


def _cells(place: Place, line: bytes, form: Format) -> list[str]:
    try:
        cells = line.decode(form.encoding).rstrip("\r").split(form.separator)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place}: not {form.encoding.upper()} text "
            f"(byte 0x{line[error.start]:02x} at position {error.start + 1} of the line)"
        ) from error
    if len(cells) != len(form.columns):
        raise DataError(
            f"{place}: has {len(cells)} columns; expected {len(form.columns)} between "
            f"{_SEPARATORS[form.separator]}: {', '.join(form.columns)}"
        )
    return cells


def _check_header(place: Place, line: bytes, form: Format) -> None:
    names = _cells(place, line, form)
    for expected, name in zip(form.header, names, strict=True):
        if expected not in names:
            raise DataError(f"{place}: no column called {expected}{did_you_mean(expected, names)}")
        if expected != name:
            raise DataError(f"{place}: the column {name} stands where {expected} was expected")


def integers(member: Member, form: Format) -> pd.DataFrame:
    """The same for a file of whole numbers alone, in one go: there may be millions of lines."""
    data = member.data.replace(b"\r\n", b"\n").rstrip(b"\n")
    body = data.partition(b"\n")[2] if form.header else data
    if form.header:
        _check_header(Place(member.place, 1), data.partition(b"\n")[0], form)
    try:
        _check_bytes(body, form)
        return pd.read_csv(
            io.BytesIO(body),
            sep=form.separator,
            header=None,
            names=list(form.columns),
            dtype="int64",
            skip_blank_lines=False,
        )
    except (ValueError, OverflowError) as error:
        for row in rows(member, form):  # slowly, to say which line it is
            for column in form.columns:
                row.whole(column)
        raise DataError(f"{member.place}: {error}") from error


def _check_bytes(body: bytes, form: Format) -> None:
    """ValueError where pandas would be lenient: `3.0`, `True`, blanks, and cells too many for the names."""
    separator = form.separator.encode()
    if body.translate(None, b"0123456789-\n" + separator):
        raise ValueError("there is more in it than whole numbers")
    if body.count(separator) != (len(form.columns) - 1) * (body.count(b"\n") + 1):
        raise ValueError("not every line has the same columns")
