"""Find the columns of user, item, rating and time in a file, and rename them."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from cfplug import DataError
from cfplug.errors import did_you_mean
from cfplug_tables import TableParams
from cfplug_tables.table_file import TableFile

_SEPARATORS = ("\t", ";", "::", "|", ",")
_LIKE_TIMES = ("timestamp", "date", "datetime", "rated_at", "created_at")


def canonical(file: TableFile, params: TableParams) -> TableFile:
    """Return the file with its columns called user, item, rating and time.

    Raises:
        DataError: One of them is missing.
    """
    wanted = _wanted(file.table, params)
    columns = [str(name) for name in file.frame.columns]
    if "time" not in wanted and file.table == "ratings" and "time" in columns:
        wanted["time"] = "time"
    missing = {key: name for key, name in wanted.items() if name not in columns}
    if missing:
        raise _missing(file, missing, columns)
    meanings = {name: key for key, name in wanted.items()}
    taken = next((name for name in columns if name in wanted and name not in meanings), None)
    if taken:
        raise file.fault(
            f"two columns would be called {taken}: the one of that name and {wanted[taken]}"
        )
    words = (*file.words, *_unused_time(file, wanted, columns))
    return evolve(file, frame=file.frame.rename(columns=meanings), originals=wanted, words=words)


def _wanted(table: str, params: TableParams) -> dict[str, str]:
    """Return the file's names of the columns that cfplug names itself."""
    if table == "users":
        return {"user": params.users_id or params.user}
    if table == "items":
        return {"item": params.items_id or params.item}
    named = {"user": params.user, "item": params.item, "rating": params.rating}
    return named if params.time is None else {**named, "time": params.time}


def _unused_time(file: TableFile, wanted: dict[str, str], columns: list[str]) -> Iterator[str]:
    like = next((name for name in columns if name.casefold() in _LIKE_TIMES), None)
    if file.table == "ratings" and "time" not in wanted and like:
        yield (
            f"{file.path.name}: {like} is not taken for the time of a rating; "
            f"`time: {like}` does that"
        )


def _missing(file: TableFile, missing: dict[str, str], columns: list[str]) -> DataError:
    lacks = ", ".join(f"no column {name}{_guess(name, columns)}" for name in missing.values())
    keys = ", ".join(f"{_parameter(file.table, key)}: NAME" for key in missing)
    named = ", ".join(columns) or "no named column"
    message = f"there is {lacks}; the file has {named}; set their names ({keys})"
    return file.fault(message + _hint(file.table, columns))


def _guess(name: str, columns: list[str]) -> str:
    guess = did_you_mean(name, columns).removeprefix("; ")
    return f" ({guess})" if guess else ""


def _parameter(table: str, key: str) -> str:
    return key if table == "ratings" else f"{table}_id"


def _hint(table: str, columns: list[str]) -> str:
    """Return a hint if the names look like several in one, or like values."""
    found = next((each for each in _SEPARATORS if each in "".join(columns)), None)
    if len(columns) == 1 and found:
        return f"; or is the separator {found!r}?"
    if any(name.replace(".", "").isdecimal() for name in columns):
        key = "columns" if table == "ratings" else f"{table}_columns"
        return f"; or is there no header? then name the columns ({key}: [NAME, ...])"
    return ""
