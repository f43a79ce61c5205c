"""Read CSV and similar text files fast, with errors that name file and line."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from cfplug import Context, DataError, Dataset
from cfplug_tables import CsvParams
from cfplug_tables.assembly import assemble
from cfplug_tables.dialect import Dialect, check_end, check_shape, line_of, records
from cfplug_tables.table_file import TableFile, existing

if TYPE_CHECKING:
    import pyarrow as pa


def read(params: CsvParams, context: Context) -> Dataset:
    """Return the dataset in the files of `params`.

    Raises:
        DataError: A file is invalid; the message names file and line.
    """
    files = {}
    for table, path in params.files().items():
        context.progress(None, f"reading {path.name}")
        files[table] = read_file(table, existing(path), dialect_of(params, table))
    dataset = assemble(files, params, context, missing=params.missing)
    del files
    _give_back_memory()
    return dataset


def _give_back_memory() -> None:
    """Release the memory that Arrow keeps of the cells' texts."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def dialect_of(params: CsvParams, table: str) -> Dialect:
    """Return how the file of `table` is written."""
    separators = {"users": params.users_separator, "items": params.items_separator}
    separator = separators.get(table) or params.separator
    columns = {
        "ratings": params.columns,
        "users": params.users_columns,
        "items": params.items_columns,
    }
    tab = separator in ("tab", "\\t")  # what people write where "\t" in quotes is meant
    return Dialect("\t" if tab else separator, params.quote, params.encoding, columns[table])


def read_file(table: str, path: Path, dialect: Dialect) -> TableFile:
    """Return the table in `path`, every cell as text, without unnamed columns."""
    text = _text(path, dialect)
    names = _names(path, dialect)
    parsed = _parse(path, dialect, names, text)
    if parsed.num_rows == 0:
        raise DataError(f"{path.name}: expected rows, got only a header")
    if _may_end_in_a_quote(text, parsed, dialect):
        check_end(path, dialect)
    named = [name for name in names if name]
    words = (
        () if len(named) == len(names) else (f"{path.name}: a column without a name is left out",)
    )
    position = functools.partial(line_of, path, dialect)
    return TableFile(table, path, parsed.select(named).to_pandas(), False, "line", position, words)


def _text(path: Path, dialect: Dialect) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        text = raw.decode(dialect.codec)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path.name}:{line}: byte {error.start + 1} of the file, 0x{raw[error.start]:02x}, "
            f"is not {dialect.encoding}; for another encoding, set encoding: {_likely(raw)}"
        ) from error
    if not text or text.isspace():
        raise DataError(f"{path.name}: the file is empty")
    return text


def _likely(raw: bytes) -> str:
    return "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "latin-1"


def _names(path: Path, dialect: Dialect) -> tuple[str, ...]:
    if dialect.columns:
        place, names = "columns", dialect.columns
    else:
        line, header = next(records(path, dialect))
        place, names = f"{path.name}:{line}", tuple(header)
    doubled = next((name for name in names if name and names.count(name) > 1), None)
    if doubled:
        raise DataError(f"{place}: two columns are called {doubled}")
    return names


def _parse(path: Path, dialect: Dialect, names: tuple[str, ...], text: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    body = dialect.delimited(text + "\n").encode()  # a header alone needs the line's end
    try:
        return csv.read_csv(
            pa.BufferReader(body),
            csv.ReadOptions(column_names=dialect.columns, block_size=1 << 22),
            csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.enclosing or False,
                newlines_in_values=dialect.enclosing is not None,
            ),
            csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        check_shape(path, dialect, names)
        raise DataError(f"{path.name}: {error}") from error


def _may_end_in_a_quote(text: str, parsed: pa.Table, dialect: Dialect) -> bool:
    """Return whether an open quote may have swallowed lines: the fast parser accepts it."""
    if dialect.enclosing is None:
        return False
    last = parsed.column(parsed.num_columns - 1)[-1].as_py()
    swallowed = ("\n" in last or "\r" in last) and not text.rstrip("\r\n").endswith(
        dialect.enclosing
    )
    return swallowed or text.count(dialect.enclosing) % 2 == 1
