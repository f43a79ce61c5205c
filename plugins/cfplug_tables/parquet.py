"""Read Parquet files, whose columns have types."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfplug import Context, DataError, Dataset
from cfplug_tables import ParquetParams
from cfplug_tables.assembly import assemble
from cfplug_tables.table_file import TableFile, existing

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def read(params: ParquetParams, context: Context) -> Dataset:
    """Return the dataset in the files of `params`.

    Raises:
        DataError: A file is invalid; the message names file and row (from 0).
    """
    files = {}
    for table, path in params.files().items():
        context.progress(None, f"reading {path.name}")
        files[table] = read_file(table, existing(path, folder=True))
    return assemble(files, params, context)


def read_file(table: str, path: Path) -> TableFile:
    """Return the table in the file `path`, or in all Parquet files of the folder `path`."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        found = parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:  # Arrow's messages change with its version
        raise DataError(f"{path.name}: not a complete Parquet file") from error
    if found.num_rows == 0:
        raise DataError(f"{path.name}: expected rows, got none")
    doubled = next(
        (name for name in found.column_names if found.column_names.count(name) > 1), None
    )
    if doubled:
        raise DataError(f"{path.name}: two columns are called {doubled}")
    return _table_file(table, path, found)


def _table_file(table: str, path: Path, found: pa.Table) -> TableFile:
    import pandas as pd

    columns = {name: _values(found.column(name)) for name in found.column_names}
    kept = {name: values for name, values in columns.items() if values is not None}
    words = tuple(
        f"{path.name}: column {name} is left out; cfplug has no role for {found.column(name).type}"
        for name in columns
        if name not in kept
    )
    return TableFile(table, path, pd.DataFrame(kept), True, "row", lambda row: row, words)


def _values(column: pa.ChunkedArray) -> pd.Series[Any] | None:
    """Return the values in pandas, lists as tuples; None for other nested columns."""
    import pandas as pd
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        return _values(column.cast(kind.value_type))
    if types.is_decimal(kind):
        column = column.cast("float64")
    elif types.is_date(kind):
        column = column.cast("timestamp[ms]")
    elif _is_list(kind):
        members = [tuple(map(str, each)) if each is not None else () for each in column.to_pylist()]
        return pd.Series(members, dtype=object)
    elif (
        types.is_nested(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_time(kind)
    ):
        return None
    return column.to_pandas()  # type: ignore[no-any-return]


def _is_list(kind: pa.DataType) -> bool:
    from pyarrow import types

    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return lists and not types.is_nested(kind.value_type)
