"""Read a table of millions of lines in seconds, as strictly as line by line."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from cfplug import DataError
from cfplug_movielens.archive import Member
from cfplug_movielens.rows import Format, check_header, rows

_PIECE = 2**22
"""Bytes that are checked at once: one file has 900 MB, and is not copied."""


def read_table(member: Member, form: Format) -> pd.DataFrame:
    """Return a UTF-8 file as a table with int64, float64 and text columns, one row for each line.

    Raises:
        DataError: A line does not follow `form`; the message names the first one.
    """
    body = _body(member, form)
    try:
        found = _parsed(body, form)
        _check_lines(body, found, form)
    except ValueError as error:
        for row in rows(member, form):  # slow, but it finds the line
            row.typed(form)
        raise DataError(f"{member.place}: {error}") from error
    frame: pd.DataFrame = found.to_pandas(split_blocks=True, self_destruct=True)
    del found
    pa.default_memory_pool().release_unused()
    return frame


def _body(member: Member, form: Format) -> memoryview:
    """Return the lines with data, without the last line end."""
    data = member.data
    end = len(data)
    while end and data[end - 1 : end] in (b"\r", b"\n"):
        end -= 1
    if not form.header:
        return memoryview(data)[:end]
    after = data.find(b"\n", 0, end) + 1 or end
    check_header(member, data[:after], form)
    if after == end:
        raise DataError(f"{member.place}: expected rows, got only a header")
    return memoryview(data)[after:end]


def _parsed(body: memoryview, form: Format) -> pa.Table:
    """Parse the lines with Arrow; raise ValueError where it cannot.

    Arrow only knows separators of one character: `::` is read as two of them, with an empty column
    between each pair of columns.
    """
    types = {column: _type(column, form) for column in form.columns}
    if form.separator == "::":
        gaps = {f"gap {column}": pa.null() for column in form.columns[1:]}
        names = [form.columns[0]]
        for gap, column in zip(gaps, form.columns[1:], strict=True):
            names += [gap, column]
        types |= gaps
    else:
        names = list(form.columns)
    found = csv.read_csv(
        pa.BufferReader(pa.py_buffer(body)),
        csv.ReadOptions(column_names=names),
        csv.ParseOptions(
            delimiter=form.separator[0],
            quote_char='"' if form.quoted else False,
            ignore_empty_lines=False,
        ),
        csv.ConvertOptions(
            column_types=types,
            null_values=[""] if form.separator == "::" else [],
            strings_can_be_null=False,
        ),
    )
    return found.select(list(form.columns))


def _type(column: str, form: Format) -> pa.DataType:
    if column in form.whole:
        return pa.int64()
    return pa.float64() if column in form.decimals else pa.large_string()


def _check_lines(body: memoryview, found: pa.Table, form: Format) -> None:
    """Refuse what Arrow accepts: blanks around numbers, empty cells and open quotes."""
    digits = b"0123456789-\r\n" + form.separator.encode() + (b".eE" if form.decimals else b"")
    lines = 1
    for start in range(0, len(body), _PIECE):
        piece = bytes(body[start : start + _PIECE])
        lines += piece.count(b"\n")
        if form.all_numbers and piece.translate(None, digits):
            raise ValueError("expected only numbers")
    if found.num_rows != lines:
        raise ValueError(f"it has {lines:,} lines and {found.num_rows:,} rows")
    if any(found.column(column).null_count for column in (*form.whole, *form.decimals)):
        raise ValueError("a number is missing")
