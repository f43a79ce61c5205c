"""What differs between two of a kind, in words for a person: tables, arrays, datasets, sections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cfplug.data.dataset import Dataset, Split

TOLERANCE = 1e-9
"""How far two numbers may be apart, as a part of the greater, that differ by the order of a sum alone."""


def close(one: Any, two: Any, tolerance: float = TOLERANCE) -> bool:
    """Whether two arrays of numbers are the same but for rounding."""
    return bool(np.allclose(one, two, rtol=tolerance, atol=tolerance, equal_nan=True))


def of_frames(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """Where two tables differ first; empty if nowhere, their order, types and names included."""
    if list(before.columns) != list(after.columns):
        return f"its columns were {_listed(before.columns)} and are {_listed(after.columns)}"
    if not before.index.equals(after.index):
        return "its rows have another order, or another number"
    for name in before.columns:
        if before[name].dtype != after[name].dtype:
            return f"the column {name} was of type {before[name].dtype} and is of type {after[name].dtype}"
        if not before[name].equals(after[name]):
            return f"the column {name} {of_values(before[name].to_numpy(), after[name].to_numpy())}"
    return ""


def of_values(before: np.ndarray, after: np.ndarray) -> str:
    """Where two arrays of one shape differ first, with both values."""
    if before.shape != after.shape:
        return f"had the shape {before.shape} and has {after.shape}"
    for row, (one, two) in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
        if not _same(one, two):
            return f"was {one!r} in row {row} and is {two!r}"
    return "is the same"


def _same(one: Any, two: Any) -> bool:
    return one is two or one == two or (one != one and two != two)


def _listed(names: Any) -> str:
    return ", ".join(map(str, names)) or "none"


def of_arrays(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> str:
    """Which of some named arrays differs first, and where; empty if none."""
    if set(before) != set(after):
        return f"there were {_listed(sorted(before))} and are {_listed(sorted(after))}"
    for name, array in before.items():
        if not np.array_equal(array, after[name], equal_nan=array.dtype.kind == "f"):
            return f"{name} {of_values(array.ravel(), after[name].ravel())}"
    return ""


def of_splits(before: Mapping[str, Split], after: Mapping[str, Split]) -> str:
    """Which part of which fold differs first, with the first rows that only one of the two has; empty if none."""
    if list(before) != list(after):
        return f"the folds were {_listed(before)} and are {_listed(after)}"
    for fold, split in before.items():
        of = f" of fold {fold}" if fold else ""
        for part in ("train", "valid", "test", "support"):
            one, two = getattr(split, part), getattr(after[fold], part)
            if (one is None) != (two is None):
                return f"there is a {part} part{of} only once"
            if one is not None and not np.array_equal(one, two):
                told = sorted(set(np.asarray(one).tolist()) ^ set(np.asarray(two).tolist()))
                which = (
                    f"rows such as {', '.join(map(str, told[:3]))}"
                    if told
                    else "the order of its rows"
                )
                return f"the {part} part{of} differs in {which}"
    return ""


def of_datasets(before: Dataset, after: Dataset) -> str:
    """Where two datasets differ first: a table, the roles, the scale, the folds; empty if nowhere."""
    for name, table in before.tables().items():
        if found := of_frames(table, after.tables()[name]):
            return f"in {name}: {found}"
    for name in ("name", "scale"):
        if getattr(before, name) != getattr(after, name):
            return f"its {name} was {getattr(before, name)!r} and is {getattr(after, name)!r}"
    roles = [
        {table: dict(columns) for table, columns in each.roles.items()} for each in (before, after)
    ]
    if roles[0] != roles[1]:
        return f"the roles were {roles[0]} and are {roles[1]}"
    return of_splits(before.folds, after.folds)
