"""The first difference between two tables, arrays, datasets or splits, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cfplug.data.dataset import Dataset, Split
from cfplug.data.vocabulary import SIDES
from cfplug.testing.check import CheckError, with_advice

TOLERANCE = 1e-5
"""The difference, relative and absolute, between ratings that only the order of sums explains."""


def check_ratings(
    pairs: pd.DataFrame,
    expected: np.ndarray,
    found: np.ndarray,
    place: str,
    advice: str = "",
    *,
    exact: bool = False,
) -> None:
    """Raise a CheckError where ratings of `pairs` differ: in any bit, or by more than rounding."""
    if expected.shape != found.shape:
        shapes = f"expected ratings of shape {expected.shape}, got {found.shape}"
        raise CheckError(with_advice(f"{place}: {shapes}", advice))
    tolerance = 0.0 if exact else TOLERANCE
    differs = ~np.isclose(expected, found, rtol=tolerance, atol=tolerance, equal_nan=True)
    if differs.any():
        row = int(differs.argmax())
        values = f"expected {expected[row]:.9g}, got {found[row]:.9g} for {pair_name(pairs, row)}"
        count = f"{int(differs.sum())} of {len(pairs)} ratings differ"
        raise CheckError(with_advice(f"{place}: {values} ({count})", advice))


def pair_name(pairs: pd.DataFrame, row: int) -> str:
    """Return the user and the item in one row of `pairs`, as a message names them."""
    user, item = (pairs[side].tolist()[row] for side in SIDES)
    return f"user {user!r} and item {item!r}"


def frame_difference(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """Return the first difference of two tables, order and types included; empty if none."""
    if list(before.columns) != list(after.columns):
        return f"expected the columns {_names(before.columns)}, got {_names(after.columns)}"
    if not before.index.equals(after.index):
        return "expected the same rows in the same order, got others"
    for name in before.columns:
        one, two = before[name], after[name]
        if one.dtype != two.dtype:
            return f"column {name}: expected the type {one.dtype}, got {two.dtype}"
        if not one.equals(two):
            return f"column {name}, {_value_difference(one.to_numpy(), two.to_numpy())}"
    return ""


def array_difference(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> str:
    """Return the first difference of two sets of named arrays; empty if there is none."""
    if set(before) != set(after):
        return f"expected {_names(sorted(before))}, got {_names(sorted(after))}"
    for name, array in before.items():
        other = np.asarray(after[name])
        if array.shape != other.shape:
            return f"{name}: expected the shape {array.shape}, got {other.shape}"
        if not np.array_equal(array, other, equal_nan=array.dtype.kind == "f"):
            return f"{name}, {_value_difference(array.ravel(), other.ravel())}"
    return ""


def _value_difference(before: np.ndarray, after: np.ndarray) -> str:
    for row, (one, two) in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
        both_missing = one != one and two != two
        if one is not two and one != two and not both_missing:
            return f"row {row}: expected {one!r}, got {two!r}"
    return "expected the same values, got others"


def _names(names: Any) -> str:
    return ", ".join(map(str, names)) or "none"


def split_difference(before: Mapping[str, Split], after: Mapping[str, Split]) -> str:
    """Return the first difference of two sets of named splits; empty if there is none."""
    if list(before) != list(after):
        return f"expected the folds {_names(before)}, got {_names(after)}"
    for fold, split in before.items():
        for part in ("train", "valid", "test", "support"):
            one, two = getattr(split, part), getattr(after[fold], part)
            place = f"{part} part of fold {fold}" if fold else f"{part} part"
            if one is None and two is None:
                continue
            if one is None or two is None:
                return f"{place}: expected it in both splits, got it in one"
            if not np.array_equal(one, two):
                return f"{place}: expected the same rows in the same order, {_rows(one, two)}"
    return ""


def _rows(one: np.ndarray, two: np.ndarray) -> str:
    differ = sorted(set(np.asarray(one).tolist()) ^ set(np.asarray(two).tolist()))
    if differ:
        return f"got rows such as {_names(differ[:3])} in only one of the two"
    return "got another order"


def dataset_difference(before: Dataset, after: Dataset) -> str:
    """Return the first difference of two datasets: tables, name, scale, roles or folds."""
    for name, table in before.tables().items():
        if found := frame_difference(table, after.tables()[name]):
            return f"{name}: {found}"
    for name in ("name", "scale"):
        one, two = getattr(before, name), getattr(after, name)
        if one != two:
            return f"{name}: expected {one!r}, got {two!r}"
    roles, others = _roles(before), _roles(after)
    if roles != others:
        return f"roles: expected {roles}, got {others}"
    return split_difference(before.folds, after.folds)


def _roles(dataset: Dataset) -> dict[str, dict[str, str]]:
    return {table: dict(columns) for table, columns in dataset.roles.items()}
