"""Parse a file row by row, strictly: every error names file and line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping

import attrs
import pandas as pd
from attrs import frozen

from cfplug import DataError
from cfplug.errors import Place, did_you_mean
from cfplug_movielens.archive import Member

_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE]-?\d+)?", re.ASCII)
_SEPARATORS = {"\t": "tabs", "|": "vertical bars", "::": "double colons", ",": "commas"}


@frozen
class Format:
    """How the lines of a file are written.

    `header` is the first line, empty if there is none. The columns in `whole` have whole numbers,
    those in `decimals` numbers, all others text. If cells may be `quoted`, a cell in double quotes
    may contain the separator; no cell contains a line end.
    """

    columns: tuple[str, ...]
    separator: str
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    decimals: tuple[str, ...] = ()
    quoted: bool = False

    @property
    def first_line(self) -> int:
        """Return the number, from 1, of the first line with data."""
        return 2 if self.header else 1

    @property
    def all_numbers(self) -> bool:
        return len(self.whole) + len(self.decimals) == len(self.columns)


@frozen
class Row:
    """One line: its place and its cells by column."""

    place: Place
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def whole(self, column: str) -> int:
        """Return the cell as a whole number, or raise DataError with its place."""
        if not _WHOLE.fullmatch(self.cells[column]):
            raise self.wrong(column, "expected a whole number")
        return int(self.cells[column])

    def number(self, column: str) -> float:
        """Return the cell as a number, or raise DataError with its place."""
        if not _NUMBER.fullmatch(self.cells[column]):
            raise self.wrong(column, "expected a number")
        return float(self.cells[column])

    def typed(self, form: Format) -> list[int | float | str]:
        """Return all cells, each of the type that `form` gives its column."""
        cells: list[int | float | str] = []
        for column in form.columns:
            if column in form.whole:
                cells.append(self.whole(column))
            elif column in form.decimals:
                cells.append(self.number(column))
            else:
                cells.append(self.cells[column])
        return cells

    def wrong(self, column: str, rule: str) -> DataError:
        """Return an error about one cell, for the caller to raise."""
        return DataError(f"{self.place}: {column}: {rule}, got {self.cells[column]!r}")


def rows(member: Member, form: Format) -> Iterator[Row]:
    """Yield the rows of a file; raise DataError at the first line that does not follow `form`."""
    data = member.data.rstrip(b"\r\n")
    lines = iter(io.BytesIO(data) if data else [b""])  # one at a time: there may be millions
    if form.header:
        check_header(member, next(lines), form)
    for number, line in enumerate(lines, form.first_line):
        place = Place(member.place, number)
        yield Row(place, dict(zip(form.columns, _cells(place, line, form), strict=True)))


def row_by_row(member: Member, form: Format) -> pd.DataFrame:
    """Return a file as a table, row by row, where `columns.read_table` cannot read it."""
    return pd.DataFrame([row.typed(form) for row in rows(member, form)], columns=list(form.columns))


def check_header(member: Member, line: bytes, form: Format) -> None:
    """Check that `line`, the first of `member`, has the header of `form`.

    Raises:
        DataError: A column is missing or at another position.
    """
    place = Place(member.place, 1)
    names = _cells(place, line, attrs.evolve(form, columns=form.header))
    for expected, name in zip(form.header, names, strict=True):
        if expected not in names:
            raise DataError(f"{place}: no column called {expected}{did_you_mean(expected, names)}")
        if expected != name:
            raise DataError(f"{place}: expected the column {expected}, got {name}")


def without_time(member: Member, form: Format) -> Format:
    """Return `form`, without the column `time` if the first line of `member` has one cell less."""
    first = member.data[: member.data.find(b"\n") + 1]
    if form.columns[-1] != "time" or first.count(form.separator.encode()) != len(form.columns) - 2:
        return form
    whole = tuple(column for column in form.whole if column != "time")
    return attrs.evolve(form, columns=form.columns[:-1], header=form.header[:-1], whole=whole)


def _cells(place: Place, line: bytes, form: Format) -> list[str]:
    try:
        text = line.decode(form.encoding).removesuffix("\n").rstrip("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place}: not {form.encoding.upper()} text "
            f"(byte 0x{line[error.start]:02x} at position {error.start + 1} of the line)"
        ) from error
    cells = _unquoted(place, text) if form.quoted else text.split(form.separator)
    if len(cells) != len(form.columns):
        raise DataError(
            f"{place}: expected {len(form.columns)} columns between {_SEPARATORS[form.separator]} "
            f"({', '.join(form.columns)}), got {len(cells)}"
        )
    return cells


def _unquoted(place: Place, text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True)) or [text]
    except csv.Error as error:
        raise DataError(f"{place}: the quotes around a cell do not match ({error})") from error
