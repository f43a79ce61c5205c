"""What is known about users and items besides ratings, in the order of their codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.data.columns import as_numbers, as_times, floats, in_utc, is_time, members, words
from cfplug.data.dataset import Dataset
from cfplug.errors import DataError, did_you_mean

USABLE = ("category", "number", "set", "time")
"""The roles that a model can use; text and labels are for people."""


@frozen(eq=False)
class Metadata:
    """The usable columns of one side, a row for each id of the catalogue, and their roles.

    A category is text, a number a float, a set a tuple of strings, a time is in UTC without a
    zone; each may be missing.
    """

    side: str
    table: pd.DataFrame = field(factory=pd.DataFrame)
    roles: Mapping[str, str] = field(factory=dict)

    @classmethod
    def of(cls, dataset: Dataset, side: str) -> Metadata:
        """Return the metadata in the table `users` or `items` of a dataset."""
        frame, roles = dataset.tables()[f"{side}s"], dataset.roles[f"{side}s"]
        usable = {name: role for name, role in roles.items() if role in USABLE}
        columns = {name: _plain(frame[name], role) for name, role in usable.items()}
        return cls(side, pd.DataFrame(columns, index=range(len(frame))), usable)

    def rows(self, codes: np.ndarray) -> pd.DataFrame:
        """Return the rows of `codes`, shape (n,), with missing values for a code below zero."""
        return self.table.reindex(np.where(codes < 0, -1, codes)).reset_index(drop=True)

    def read(self, given: pd.DataFrame) -> pd.DataFrame:
        """Return the metadata of new users or items, with the columns of this table.

        A number beyond all known ones becomes the nearest of them, as nothing was learned there.

        Args:
            given: n rows and some of the columns; what is not given is missing. Numbers, times and
                sets (members between `|`) may be text.

        Raises:
            DataError: a column, category or member is unknown, or a number is not a number, or
                below zero although no known one is.
        """
        self.check_known(given.columns)
        columns = {name: self._read(name, role, given) for name, role in self.roles.items()}
        return pd.DataFrame(columns, index=range(len(given)))

    def check_known(self, names: Iterable[object]) -> None:
        """Raise DataError for a name that is not a column of this table."""
        for name in names:
            if name not in self.roles:
                there = ", ".join(self.roles) or "none"
                guess = did_you_mean(str(name), self.roles)
                raise DataError(
                    f"nothing called {name} is known of {self.side}s{guess} (known are: {there})"
                )

    def _read(self, name: str, role: str, given: pd.DataFrame) -> pd.Series[Any]:
        if name not in given.columns:
            return self.table[name].iloc[:0].reindex(range(len(given)))
        column = given[name].reset_index(drop=True)
        if role == "number":
            return self._number(name, column)
        if role == "time":
            return in_utc(as_times(column))
        if role == "set":
            column = column.map(_members)
        else:
            column = pd.Series(words(column), dtype=object, name=name)
        self._check_values(name, role, column)
        return column

    def _number(self, name: str, column: pd.Series[Any]) -> pd.Series[Any]:
        column = as_numbers(column)
        numbers = floats(column)
        known = self.table[name].to_numpy(dtype=float)
        if np.isnan(known).all():
            return pd.Series(numbers, name=name)
        low, high = float(np.nanmin(known)), float(np.nanmax(known))
        if low >= 0 and (numbers < 0).any():
            row = int((numbers < 0).argmax())
            known_range = f"known ones go from {low:g} to {high:g}"
            message = f"must not be below 0; is {numbers[row]:g} ({known_range})"
            raise DataError(message, table=f"{self.side}s", column=name, row=row)
        return pd.Series(numbers.clip(low, high), name=name)

    def _check_values(self, name: str, role: str, column: pd.Series[Any]) -> None:
        known = sorted(set().union(*_values(self.table[name], role)))
        for row, values in enumerate(_values(column, role)):
            unknown = [value for value in values if value not in known]
            if unknown:
                some = ", ".join(known[:20]) or "none"
                more = ", ..." if len(known) > 20 else ""
                guess = did_you_mean(unknown[0], known)
                message = f"no {self.side} has {unknown[0]!r}{guess} (known are: {some}{more})"
                raise DataError(message, table=f"{self.side}s", column=name, row=row)

    def to_json(self) -> dict[str, Any]:
        """Return the table as plain data for JSON."""
        columns = {name: _as_json(self.table[name]) for name in self.roles}
        return {"roles": dict(self.roles), "columns": columns}

    @classmethod
    def from_json(cls, side: str, data: Mapping[str, Any], size: int) -> Metadata:
        """Return the metadata of `size` ids that `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: the data is something else.
        """
        roles = dict(data["roles"])
        columns = {name: _from_json(data["columns"][name], roles[name], size) for name in roles}
        return cls(side, pd.DataFrame(columns, index=range(size)), roles)


def _plain(column: pd.Series[Any], role: str) -> pd.Series[Any]:
    """Return the values of a dataset's column in the types of this table."""
    column = column.reset_index(drop=True)
    if role == "time":
        return in_utc(column)
    if role == "number":
        return pd.Series(floats(column))
    if role == "set":
        return pd.Series([each or None for each in members(column)], dtype=object)
    return pd.Series(words(column), dtype=object)


def _members(cell: object) -> tuple[str, ...] | None:
    if isinstance(cell, str):
        return tuple(part.strip() for part in cell.split("|") if part.strip()) or None
    if isinstance(cell, tuple | list):
        return tuple(map(str, cell)) or None
    return None


def _values(column: pd.Series[Any], role: str) -> list[tuple[str, ...]]:
    """Return the categories or members in each cell."""
    if role == "set":
        return members(column)
    return [() if text is None else (text,) for text in words(column)]


def _as_json(column: pd.Series[Any]) -> list[Any]:
    if is_time(column):
        column = column.map(pd.Timestamp.isoformat, na_action="ignore")
    cells = [list(cell) if isinstance(cell, tuple) else cell for cell in column.tolist()]
    return [None if missing else cell for cell, missing in zip(cells, column.isna(), strict=True)]


def _from_json(values: list[Any], role: str, size: int) -> pd.Series[Any]:
    if len(values) != size:
        raise ValueError(f"a column has {len(values)} values; there are {size} ids")
    if role == "number":
        return pd.Series(values, dtype=float)
    if role == "time":
        return pd.to_datetime(pd.Series(values, dtype=object), format="ISO8601")
    cells = [tuple(value) if isinstance(value, list) else value for value in values]
    return pd.Series(cells, dtype=object)
