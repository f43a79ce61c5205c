"""Checks of sources: valid tables, the same each time, from any folder, and offline once cached."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import attrs
import pandas as pd

from cfplug.data.dataset import FIXED, REQUIRED, ROLES, Dataset, Split
from cfplug.errors import CfplugError
from cfplug.testing.check import Check, CheckError, Subject, fail_if, no_error
from cfplug.testing.compare import dataset_difference
from cfplug.testing.fixtures.isolation import in_another_folder, offline, seeded
from cfplug.testing.fixtures.train import check_context

KEYS = {"users": "user", "items": "item"}


def gives_a_dataset(subject: Subject) -> None:
    """Return a Dataset that has ratings."""
    advice = "If it needs other parameters, such as the path of a small file, give them in params."
    with no_error("read", advice, CfplugError):
        dataset = _read(subject)
    if not isinstance(dataset, Dataset):
        found = type(dataset).__name__
        raise CheckError(
            f"read: expected a Dataset, got {found}. Return cfplug.Dataset.build(...)."
        )
    if len(dataset.ratings) == 0:
        raise CheckError("read: expected ratings, got a dataset without any")


def one_row_for_each_id(dataset: Dataset) -> None:
    """Have one row for every user and item, and a row for every id of the ratings."""
    for table, key in KEYS.items():
        ids = _column(dataset.tables()[table], table, key)
        for value, count in Counter(ids).items():
            if count > 1:
                raise CheckError(f"{table}: expected one row for {key} {value!r}, got {count}")
            if not _is_id(value):
                raise CheckError(f"{table}: expected whole numbers or text as ids, got {value!r}")
        missing = set(_column(dataset.ratings, "ratings", key)) - set(ids)
        if missing:
            example = min(missing, key=str)
            raise CheckError(f"{table}: expected a row for {key} {example!r} of the ratings")


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return isinstance(value, int) and not isinstance(value, bool)


def no_pair_twice(dataset: Dataset) -> None:
    """Have one rating for each user and item; a parameter says what happens to repeats."""
    ratings = dataset.ratings
    counts = Counter(zip(ratings["user"].tolist(), ratings["item"].tolist(), strict=True))
    twice = [pair for pair, count in counts.items() if count > 1]
    if twice:
        user, item = twice[0]
        raise CheckError(
            f"ratings: expected one rating of item {item!r} by user {user!r}, got "
            f"{counts[twice[0]]} (pairs with several: {len(twice)}). See cfplug.merge_repeats."
        )


def ratings_on_the_scale(dataset: Dataset) -> None:
    """Have finite ratings on the scale, each of them one of its levels if it has levels."""
    scale = dataset.scale
    levels = ", ".join(f"{level:g}" for level in scale.levels)
    for row, rating in enumerate(dataset.ratings["rating"].tolist()):
        place = f"rating in row {row}"
        if not isinstance(rating, float) or not math.isfinite(rating):
            raise CheckError(f"{place}: expected a finite float, got {rating!r}")
        if not scale.low <= rating <= scale.high:
            raise CheckError(f"{place}: expected {scale.low:g} to {scale.high:g}, got {rating:g}")
        if scale.levels and rating not in scale.levels:
            raise CheckError(f"{place}: expected one of the levels {levels}, got {rating:g}")
    if list(scale.levels) != sorted(set(scale.levels)):
        raise CheckError(f"scale: expected rising levels, got {levels}")


def every_column_has_its_role(dataset: Dataset) -> None:
    """Have a role for every column, with values of that role, and no role without a column."""
    for table, frame in dataset.tables().items():
        roles = dict(dataset.roles.get(table, {}))
        for name in REQUIRED[table]:
            if roles.get(name) != FIXED[name]:
                raise CheckError(
                    f"{table}.{name}: expected the role {FIXED[name]}, got {roles.get(name)}"
                )
        if sorted(map(str, frame.columns)) != sorted(map(str, roles)):
            columns, named = ", ".join(map(str, frame.columns)), ", ".join(map(str, roles))
            raise CheckError(f"{table}: expected roles for the columns {columns}, got {named}")
        for name, role in roles.items():
            _check_role(f"{table}.{name}", role, frame[name])


def _check_role(place: str, role: str, column: pd.Series[Any]) -> None:
    if role not in ROLES:
        raise CheckError(f"{place}: expected one of the roles {', '.join(ROLES)}, got {role!r}")
    values = column.tolist()
    fits = {
        "number": pd.api.types.is_numeric_dtype(column.dtype),
        "time": pd.api.types.is_datetime64_any_dtype(column.dtype),
        "set": all(map(_is_set, values)),
    }
    if not fits.get(role, True):
        raise CheckError(
            f"{place}: expected values of the role {role}, got the type {column.dtype} with values "
            f"such as {values[:1]}"
        )


def _is_set(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(member, str) for member in value)


def folds_are_complete(dataset: Dataset) -> None:
    """Have each rating in exactly one part of every fold that comes with the data."""
    for fold, split in dataset.folds.items():
        if not isinstance(split, Split):
            raise CheckError(f"fold {fold}: expected a Split, got {type(split).__name__}")
        given = (split.train, split.valid, split.test, split.support)
        parts = [part for part in given if part is not None]
        rows = sorted(row for part in parts for row in part.tolist())
        n = len(dataset.ratings)
        if rows != list(range(n)):
            raise CheckError(f"fold {fold}: expected each of {n} rows once, got {len(rows)} rows")
        if min(map(len, parts)) == 0:
            raise CheckError(f"fold {fold}: expected ratings in each part, got an empty one")


def repeatable(subject: Subject) -> None:
    """Return the same data when it is read twice with one seed, whatever was drawn before."""
    with seeded(1):
        before = _dataset(subject)
    if before is not None:
        advice = "Draw from context.rng alone, and keep the order of what is read."
        _check_same(subject, before, seeded(2), "read again with the same seed", advice)


def offline_once_cached(subject: Subject) -> None:
    """Return the same data without a network once it has been read."""
    before = _repeated(subject)
    if before is not None:
        advice = "Keep downloads in a cache, and look there first."
        _check_same(subject, before, offline(), "read again without a network", advice)


def same_from_any_folder(subject: Subject) -> None:
    """Return the same data from any working folder; paths in its parameters are absolute."""
    before = _repeated(subject)
    if before is not None:
        advice = "Find files by the parameters, or next to the module (importlib.resources)."
        _check_same(subject, before, in_another_folder(), "read from another folder", advice)


def _check_same(
    subject: Subject,
    before: Dataset,
    condition: AbstractContextManager[None],
    place: str,
    advice: str,
) -> None:
    with condition, no_error(place, advice):
        after = _read(subject)
    fail_if(dataset_difference(before, after), place, advice)


def _repeated(subject: Subject) -> Dataset | None:
    """Return the dataset if it is the same each time; `repeatable` reports if it is not."""
    with seeded(0):
        before = _dataset(subject)
    with seeded(0):
        after = _dataset(subject)
    if before is None or after is None or dataset_difference(before, after):
        return None
    return before


def _dataset(subject: Subject) -> Dataset | None:
    """Return the dataset, or None; `gives_a_dataset` reports where there is none."""
    try:
        dataset = _read(subject)
    except CfplugError:
        return None
    return dataset if isinstance(dataset, Dataset) else None


def _read(subject: Subject) -> Any:
    """Read with absolute paths: that the author's own paths are relative is not a fault."""
    absolute: dict[str, Path] = {}
    for field in attrs.fields(type(subject.params)):
        value = getattr(subject.params, field.name)
        if isinstance(value, Path):
            absolute[field.name] = value.absolute()
    params = attrs.evolve(subject.params, **absolute) if absolute else subject.params
    return subject.function("read")(params, check_context(0, "read"))


def _column(frame: pd.DataFrame, table: str, key: str) -> list[Any]:
    if key not in frame.columns:
        raise CheckError(f"{table}: expected a column called {key}, got none")
    return frame[key].tolist()


def _of_dataset(test: Callable[[Dataset], None]) -> Check:
    """Make a check of the dataset; `gives_a_dataset` reports where there is none."""

    @functools.wraps(test)
    def run(subject: Subject) -> None:
        with seeded(0):
            dataset = _dataset(subject)
        if dataset is not None:
            test(dataset)

    return Check(run)


CHECKS = (
    Check(gives_a_dataset),
    _of_dataset(one_row_for_each_id),
    _of_dataset(no_pair_twice),
    _of_dataset(ratings_on_the_scale),
    _of_dataset(every_column_has_its_role),
    _of_dataset(folds_are_complete),
    Check(repeatable),
    Check(offline_once_cached),
    Check(same_from_any_folder),
)
