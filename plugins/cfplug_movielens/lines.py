"""From the bytes of a file to its rows, strictly: whatever is wrong is named by file and line."""

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

    `header` is the first line, where it has one. The columns in `whole` hold whole numbers, those
    in `decimals` numbers with or without a fraction, all others text. Where cells may be `quoted`,
    a cell in double quotes may hold the separator; no cell holds the end of a line."""

    columns: tuple[str, ...]
    separator: str
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    decimals: tuple[str, ...] = ()
    quoted: bool = False

    @property
    def first_line(self) -> int:
        """The number, from 1, of the first line that holds data."""
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
        """The cell as a whole number; DataError with the place if it is none."""
        if not _WHOLE.fullmatch(self.cells[column]):
            raise self.wrong(column, "must be a whole number")
        return int(self.cells[column])

    def number(self, column: str) -> float:
        """The cell as a number; DataError with the place if it is none."""
        if not _NUMBER.fullmatch(self.cells[column]):
            raise self.wrong(column, "must be a number")
        return float(self.cells[column])

    def typed(self, form: Format) -> list[int | float | str]:
        """All cells, each of the type that `form` gives its column."""
        return [
            self.whole(column)
            if column in form.whole
            else self.number(column)
            if column in form.decimals
            else self.cells[column]
            for column in form.columns
        ]

    def wrong(self, column: str, rule: str) -> DataError:
        """An error about one cell, for the caller to raise."""
        return DataError(f"{self.place}: {column}: {rule}; is {self.cells[column]!r}")


def rows(member: Member, form: Format) -> Iterator[Row]:
    """The rows of a file; DataError at the first line that is not written as `form` says."""
    data = member.data.rstrip(b"\r\n")
    lines = iter(io.BytesIO(data) if data else [b""])  # one at a time: there may be millions
    if form.header:
        check_header(member, next(lines), form)
    for number, line in enumerate(lines, form.first_line):
        place = Place(member.place, number)
        yield Row(place, dict(zip(form.columns, _cells(place, line, form), strict=True)))


def row_by_row(member: Member, form: Format) -> pd.DataFrame:
    """The rows of a file as a table, every column of its type; for what `columns.table` cannot read."""
    return pd.DataFrame([row.typed(form) for row in rows(member, form)], columns=list(form.columns))


def check_header(member: Member, line: bytes, form: Format) -> None:
    """DataError unless `line`, the first of `member`, names the columns that `form` has, in their order."""
    place = Place(member.place, 1)
    names = _cells(place, line, attrs.evolve(form, columns=form.header))
    for expected, name in zip(form.header, names, strict=True):
        if expected not in names:
            raise DataError(f"{place}: no column called {expected}{did_you_mean(expected, names)}")
        if expected != name:
            raise DataError(f"{place}: the column {name} stands where {expected} was expected")


def without_time(member: Member, form: Format) -> Format:
    """`form`, or `form` less its last column, `time`, where the first line of `member` is one cell short."""
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
            f"{place}: has {len(cells)} columns; expected {len(form.columns)} between "
            f"{_SEPARATORS[form.separator]}: {', '.join(form.columns)}"
        )
    return cells


def _unquoted(place: Place, text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True)) or [text]
    except csv.Error as error:
        raise DataError(f"{place}: the quotes around a cell do not match ({error})") from error
