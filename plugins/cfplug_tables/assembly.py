"""Build a checked dataset from the tables of any kind of file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cfplug import Context, DataError, Dataset, Scale
from cfplug.data.dataset import merge_repeats
from cfplug_tables import TableParams, cells, metadata
from cfplug_tables.column_names import canonical
from cfplug_tables.table_file import TableFile

if TYPE_CHECKING:
    import pandas as pd

    Column = pd.Series[Any]

Files = Mapping[str, TableFile]


def assemble(
    files: Files, params: TableParams, context: Context, missing: Sequence[str] = ()
) -> Dataset:
    """Return the dataset of `files`, by table name, and report the role of each column.

    `missing` are texts that, like an empty one, mean unknown metadata.

    Raises:
        DataError: A file is invalid; the message names file and line.
    """
    named = {table: canonical(file, params) for table, file in files.items()}
    read = {
        table: file.having(_values(file, params, ("", *missing)))
        for table, file in _with_ids(named).items()
    }
    dataset = _build(read, params)
    for table in read:
        columns = ", ".join(f"{name} ({role})" for name, role in dataset.roles[table].items())
        context.say(f"{table}: {columns}")
    return dataset


def _with_ids(files: Files) -> Files:
    """Return the files with typed ids; those of users, and of items, have one type in all files."""
    for key, owner in (("user", "users"), ("item", "items")):
        holders = {table: file for table, file in files.items() if table in ("ratings", owner)}
        for file in holders.values():
            file.convert(key, cells.filled)
        if files["ratings"].typed:
            ids = [file.convert(key, cells.typed_ids) for file in holders.values()]
        else:
            ids = cells.text_ids([file.frame[key] for file in holders.values()])
        changed = {
            table: file.having({key: each})
            for (table, file), each in zip(holders.items(), ids, strict=True)
        }
        files = {**files, **changed}
        if owner in files:
            _check_catalogue(files[owner], key)
    return files


def _check_catalogue(file: TableFile, key: str) -> None:
    """Check that no id has two rows."""
    ids = file.frame[[key]]
    if ids.duplicated().any():
        row, first = _first_repeat(ids)
        again = cells.cell(file.frame[key], row)
        raise file.fault(f"the id {again!r} already has a row, in {file.where(first)}", row, key)


def _values(file: TableFile, params: TableParams, missing: Sequence[str]) -> dict[str, Column]:
    """Return every column but the ids, converted to its role."""
    roles = _declared(file.table, params)
    values = {
        name: _metadata(file, name, roles.get(name), params.set_separator, missing)
        for name in map(str, file.frame.columns)
        if name not in file.originals
    }
    if file.table == "ratings":
        values["rating"] = file.convert(
            "rating", lambda column: cells.ratings(column, params.scale)
        )
        if "time" in file.originals:
            values["time"] = file.convert(
                "time", lambda column: cells.times(column, params.time_unit)
            )
    return values


def _declared(table: str, params: TableParams) -> dict[str, str]:
    prefix = f"{table}."
    return {
        key.removeprefix(prefix): role
        for key, role in params.roles.items()
        if key.startswith(prefix)
    }


def _metadata(
    file: TableFile, name: str, role: str | None, separator: str, missing: Sequence[str]
) -> Column:
    column = file.frame[name]
    unknown = (column.isna() if file.typed else column.isin(missing)).to_numpy()
    if role is not None:
        return file.convert(
            name, lambda column: metadata.declared(column, role, separator, unknown)
        )
    inferred = metadata.inferred_typed if file.typed else metadata.inferred
    return file.convert(name, lambda column: inferred(column, separator, unknown))


def _build(files: Files, params: TableParams) -> Dataset:
    words = [word for file in files.values() for word in file.words]
    ratings, merged = _once(files["ratings"], params.repeats)
    if merged:
        mean = ", with the mean rating" if params.repeats == "mean" else ""
        rows = "1 rating was" if merged == 1 else f"{merged:,} ratings were"
        words.append(f"{rows} repeated later; the last row of each pair counts{mean}")
    users, items = (files[table].frame if table in files else None for table in ("users", "items"))
    roles = {table: _declared(table, params) for table in files}
    scale = _scale(ratings["rating"], params.scale)
    try:
        return Dataset.build(
            params.ratings.stem, ratings, users, items, roles=roles, scale=scale, notes=words
        )
    except DataError as error:
        raise _placed(error, files) from error


def _placed(error: DataError, files: Files) -> DataError:
    file = files.get(error.table or "")
    return file.fault(error.message, error.row, error.column) if file else error


def _once(file: TableFile, repeats: str) -> tuple[pd.DataFrame, int]:
    """Return the ratings with one row for each pair, and the number of removed rows."""
    ratings = file.frame
    repeated = ratings.duplicated(["user", "item"]).to_numpy()
    if not repeated.any():
        return ratings, 0
    if repeats != "error":
        return merge_repeats(ratings, "mean" if repeats == "mean" else "last")
    row, first = _first_repeat(ratings[["user", "item"]])
    user, item = (cells.cell(ratings[key], row) for key in ("user", "item"))
    raise file.fault(
        f"user {user!r} already rated item {item!r} in {file.where(first)}. "
        "Choose what to do with repeats (repeats: last or mean).",
        row,
    )


def _first_repeat(keys: pd.DataFrame) -> tuple[int, int]:
    """Return the first row that repeats another, and that other."""
    row = int(keys.duplicated().to_numpy().argmax())
    same = (keys == keys.iloc[row]).all(axis=1)
    return row, int(same.to_numpy().argmax())


def _scale(
    ratings: Column, ends: tuple[float, float] | None, most_levels: int = 50
) -> Scale | None:
    """Return the scale with the given ends, and the levels in the data if they are few."""
    if ends is None:
        return None
    levels = sorted(ratings.unique().tolist())
    return Scale(*ends, tuple(levels) if len(levels) <= most_levels else ())
