"""What is known of users and items beside their ratings: tables in the order of the codes, and those of newcomers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.data.columns import as_numbers, as_times, floats, in_utc, is_time, members, words
from cfplug.data.dataset import Dataset
from cfplug.errors import DataError, did_you_mean

USABLE = ("category", "number", "set", "time")
"""The roles that a model can look at; text and labels are for people."""


@frozen(eq=False)
class Metadata:
    """The usable columns of one side's table, a row for each id of the catalogue, and the role of each column.

    A category is text, a number a float, a set a tuple of texts, a time one in UTC without a zone;
    each may be missing."""

    side: str
    table: pd.DataFrame = field(factory=pd.DataFrame)
    roles: Mapping[str, str] = field(factory=dict)

    @classmethod
    def of(cls, dataset: Dataset, side: str) -> Metadata:
        """What the table `users` or `items` of a dataset knows."""
        frame, roles = dataset.tables()[f"{side}s"], dataset.roles[f"{side}s"]
        usable = {name: role for name, role in roles.items() if role in USABLE}
        columns = {name: _plain(frame[name], role) for name, role in usable.items()}
        return cls(side, pd.DataFrame(columns, index=range(len(frame))), usable)

    def rows(self, codes: np.ndarray) -> pd.DataFrame:
        """The rows of `codes`; one of missing values for a code below zero."""
        return self.table.reindex(np.where(codes < 0, -1, codes)).reset_index(drop=True)

    def read(self, given: pd.DataFrame) -> pd.DataFrame:
        """The metadata of n newcomers as a table with the columns of this one; what is not given is missing.

        Numbers, times and sets (members between `|`) may be text. DataError for a column that is
        not there, a category or member that nobody has, a number that is none, or one below zero
        where nobody's is. One beyond all known ones is taken as the nearest of them: nothing was
        learned of what lies there."""
        for name in given.columns:
            if name not in self.roles:
                there = ", ".join(self.roles) or "none"
                guess = did_you_mean(str(name), self.roles)
                raise DataError(
                    f"nothing called {name} is known of {self.side}s{guess} (known are: {there})"
                )
        columns = {name: self._read(name, role, given) for name, role in self.roles.items()}
        return pd.DataFrame(columns, index=range(len(given)))

    def _read(self, name: str, role: str, given: pd.DataFrame) -> pd.Series[Any]:
        if name not in given.columns:
            return self.table[name].iloc[:0].reindex(range(len(given)))
        column = given[name].reset_index(drop=True)
        if role == "number":
            return self._number(name, column)
        if role == "time":
            return in_utc(as_times(column))
        column = (
            column.map(_members)
            if role == "set"
            else pd.Series(words(column), dtype=object, name=name)
        )
        self._check_known(name, role, column)
        return column

    def _number(self, name: str, column: pd.Series[Any]) -> pd.Series[Any]:
        column = as_numbers(column)
        numbers, known = floats(column), self.table[name].to_numpy(dtype=float)
        if np.isnan(known).all():
            return pd.Series(numbers, name=name)
        low, high = (float(end(known)) for end in (np.nanmin, np.nanmax))
        if low >= 0 and (numbers < 0).any():
            row = int((numbers < 0).argmax())
            raise DataError(
                f"must not be below 0; is {numbers[row]:g} (known ones go from {low:g} to {high:g})",
                table=f"{self.side}s",
                column=name,
                row=row,
            )
        return pd.Series(numbers.clip(low, high), name=name)

    def _check_known(self, name: str, role: str, column: pd.Series[Any]) -> None:
        known = {value for each in _values(self.table[name], role) for value in each}
        for row, values in enumerate(_values(column, role)):
            for value in values:
                if value not in known:
                    there = sorted(known)
                    some = (", ".join(there[:20]) or "none") + (", ..." if len(there) > 20 else "")
                    raise DataError(
                        f"nobody has {value!r}{did_you_mean(value, there)} (known are: {some})",
                        table=f"{self.side}s",
                        column=name,
                        row=row,
                    )

    def to_json(self) -> dict[str, Any]:
        """The table as JSON holds it."""
        return {
            "roles": dict(self.roles),
            "columns": {name: _listed(self.table[name]) for name in self.roles},
        }

    @classmethod
    def from_json(cls, side: str, data: Mapping[str, Any], size: int) -> Metadata:
        """What `to_json` gave for `size` ids; KeyError, TypeError or ValueError for anything else."""
        columns = {
            name: _unlisted(data["columns"][name], role, size)
            for name, role in data["roles"].items()
        }
        return cls(side, pd.DataFrame(columns, index=range(size)), dict(data["roles"]))


def _plain(column: pd.Series[Any], role: str) -> pd.Series[Any]:
    """The values of a column of a dataset, whatever type they had there."""
    column = column.reset_index(drop=True)
    if role == "time":
        return in_utc(column)
    if role == "number":
        return pd.Series(floats(column))
    values = [each or None for each in members(column)] if role == "set" else words(column)
    return pd.Series(values, dtype=object)


def _members(cell: object) -> tuple[str, ...] | None:
    if isinstance(cell, str):
        return tuple(part.strip() for part in cell.split("|") if part.strip()) or None
    return (tuple(map(str, cell)) or None) if isinstance(cell, tuple | list) else None


def _values(column: pd.Series[Any], role: str) -> list[tuple[str, ...]]:
    """The categories or members in each cell."""
    return (
        members(column)
        if role == "set"
        else [() if word is None else (word,) for word in words(column)]
    )


def _listed(column: pd.Series[Any]) -> list[Any]:
    if is_time(column):
        return [None if pd.isna(time) else time.isoformat() for time in column]
    return [
        list(cell) if isinstance(cell, tuple) else None if pd.isna(cell) else cell
        for cell in column.tolist()
    ]


def _unlisted(values: list[Any], role: str, size: int) -> pd.Series[Any]:
    if len(values) != size:
        raise ValueError(f"a column has {len(values)} values; there are {size} ids")
    if role == "number":
        return pd.Series(values, dtype=float)
    if role == "time":
        return pd.to_datetime(pd.Series(values, dtype=object), format="ISO8601")
    return pd.Series(
        [tuple(value) if isinstance(value, list) else value for value in values], dtype=object
    )
