"""The laws of sources: sound tables, the same each time, from wherever one asks, and offline once they were read."""

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
from cfplug.testing.check import BrokenLawError, Check, Subject
from cfplug.testing.compare import of_datasets
from cfplug.testing.fixtures.isolation import in_another_folder, offline, shaken
from cfplug.testing.fixtures.train import quiet

KEYS = {"users": "user", "items": "item"}


def gives_a_dataset(subject: Subject) -> None:
    """With the parameters that it is tried with it gives a Dataset that has ratings."""
    try:
        given = _read(subject)
    except CfplugError as error:
        raise BrokenLawError(
            f"it cannot be read: {error} (if it needs other parameters, such as a path to a small file, give them in "
            "params)"
        ) from error
    if not isinstance(given, Dataset):
        raise BrokenLawError(
            f"read gave {type(given).__name__}, not a Dataset; return cfplug.Dataset.build(...)"
        )
    if len(given.ratings) == 0:
        raise BrokenLawError("the dataset has no ratings")


def one_row_for_each_id(dataset: Dataset) -> None:
    """The tables of users and items have one row for every id, and every id of the ratings has one."""
    for table, key in KEYS.items():
        ids = _values(dataset.tables()[table], table, key)
        twice = [each for each, count in Counter(ids).items() if count > 1]
        if twice:
            raise BrokenLawError(
                f"{table} has {Counter(ids)[twice[0]]} rows for the {key} {twice[0]!r}; keep one"
            )
        known = set(ids)
        lost = [each for each in _values(dataset.ratings, "ratings", key) if each not in known]
        if lost:
            raise BrokenLawError(
                f"the ratings name the {key} {lost[0]!r}, of whom {table} has no row"
            )
        wrong = [each for each in ids if not _is_id(each)]
        if wrong:
            raise BrokenLawError(
                f"{table} has the id {wrong[0]!r}; an id is a whole number or text"
            )


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool) and bool(str(value).strip())


def no_pair_twice(dataset: Dataset) -> None:
    """Nobody rates one item twice: what to do with repeats is a parameter of the source."""
    ratings = dataset.ratings
    counts = Counter(zip(ratings["user"].tolist(), ratings["item"].tolist(), strict=True))
    twice = [pair for pair, count in counts.items() if count > 1]
    if twice:
        user, item = twice[0]
        raise BrokenLawError(
            f"user {user!r} rated item {item!r} {counts[twice[0]]} times; {len(twice)} pairs in all; "
            "see cfplug.data.dataset.merge_repeats"
        )


def ratings_on_the_scale(dataset: Dataset) -> None:
    """Every rating is a finite number on the scale, and one of its levels where it has some."""
    scale = dataset.scale
    for row, rating in enumerate(dataset.ratings["rating"].tolist()):
        if not isinstance(rating, float) or not math.isfinite(rating):
            raise BrokenLawError(
                f"the rating in row {row} is {rating!r}; it must be a finite float"
            )
        if not scale.low <= rating <= scale.high:
            ends = f"the scale goes from {scale.low:g} to {scale.high:g}"
            raise BrokenLawError(f"the rating in row {row} is {rating:g}; {ends}")
        if scale.levels and rating not in scale.levels:
            levels = ", ".join(f"{level:g}" for level in scale.levels)
            raise BrokenLawError(
                f"the rating in row {row} is {rating:g}, which is none of the levels {levels}"
            )
    if list(scale.levels) != sorted(set(scale.levels)):
        raise BrokenLawError(f"the levels of the scale must rise; they are {scale.levels}")


def every_column_has_its_role(dataset: Dataset) -> None:
    """Every column has one of the roles, and holds what that role says; no role is of a column that is not there."""
    for table, frame in dataset.tables().items():
        roles = dict(dataset.roles.get(table, {}))
        for name in REQUIRED[table]:
            if roles.get(name) != FIXED[name]:
                raise BrokenLawError(
                    f"{table}.{name} must have the role {FIXED[name]}; has {roles.get(name)}"
                )
        if list(frame.columns) != list(dict.fromkeys(frame.columns)) or set(roles) != set(
            frame.columns
        ):
            there, named = ", ".join(map(str, frame.columns)), ", ".join(map(str, roles))
            raise BrokenLawError(
                f"{table} has the columns {there}, and there are roles for {named}"
            )
        for name, role in roles.items():
            _check_role(table, name, role, frame[name])


def _check_role(table: str, name: str, role: str, column: pd.Series[Any]) -> None:
    if role not in ROLES:
        raise BrokenLawError(
            f"{table}.{name} has the role {role!r}; the roles are {', '.join(ROLES)}"
        )
    fits = {
        "number": pd.api.types.is_numeric_dtype(column.dtype),
        "time": pd.api.types.is_datetime64_any_dtype(column.dtype),
        "set": all(
            isinstance(each, tuple) and all(isinstance(word, str) for word in each)
            for each in column.tolist()
        ),
    }
    if not fits.get(role, True):
        some = column.tolist()[0] if len(column) else "nothing"
        raise BrokenLawError(
            f"{table}.{name} has the role {role} and the type {column.dtype}, with values as {some!r}"
        )


def folds_are_whole(dataset: Dataset) -> None:
    """Every split that comes with the data has each rating in exactly one part."""
    for fold, split in dataset.folds.items():
        if not isinstance(split, Split):
            raise BrokenLawError(f"the fold {fold} is a {type(split).__name__}, not a Split")
        parts = [
            each
            for each in (split.train, split.valid, split.test, split.support)
            if each is not None
        ]
        rows = sorted(row for each in parts for row in each.tolist())
        if rows != list(range(len(dataset.ratings))):
            raise BrokenLawError(
                f"the fold {fold} has {len(rows)} rows in all, for {len(dataset.ratings)} ratings"
            )
        if min(map(len, parts)) == 0:
            raise BrokenLawError(f"a part of the fold {fold} is empty")


def repeatable(subject: Subject) -> None:
    """Read twice with one seed it gives the same, whatever else was drawn in the process before."""
    with shaken(1):
        before = _given(subject)
    if before is None:
        return
    _compare(
        subject,
        before,
        shaken(2),
        "read again with the same seed it",
        "draw with context.rng alone, and keep the order of what is read",
    )


def offline_once_cached(subject: Subject) -> None:
    """Once it was read it needs no network: read again without one it gives the same."""
    if (before := _repeated(subject)) is not None:
        advice = "keep what was downloaded in a cache, and look there first"
        _compare(
            subject, before, offline(), "without a network, having been read before, it", advice
        )


def same_from_any_folder(subject: Subject) -> None:
    """The folder that the process works in does not matter; paths in its parameters are absolute here."""
    if (before := _repeated(subject)) is not None:
        advice = (
            "look for files where the parameters say, or beside the module (importlib.resources)"
        )
        _compare(subject, before, in_another_folder(), "from another folder it", advice)


def _compare(
    subject: Subject,
    before: Dataset,
    otherwise: AbstractContextManager[None],
    words: str,
    advice: str,
) -> None:
    with otherwise:
        try:
            after = _read(subject)
        except Exception as error:
            raise BrokenLawError(
                f"{words} raised {type(error).__name__}: {error}; {advice}"
            ) from error
    if found := of_datasets(before, after):
        raise BrokenLawError(f"{words} differs: {found}; {advice}")


def _repeated(subject: Subject) -> Dataset | None:
    """What it gives each time, all else being equal; None where that differs, of which `repeatable` tells."""
    given = []
    for _ in range(2):
        with shaken(0):
            given.append(_given(subject))
    before, after = given
    return None if before is None or after is None or of_datasets(before, after) else before


def _given(subject: Subject) -> Dataset | None:
    """The dataset; None where there is none, of which gives-a-dataset tells."""
    try:
        given = _read(subject)
    except CfplugError:
        return None
    return given if isinstance(given, Dataset) else None


def _read(subject: Subject) -> Any:
    return subject.function("read")(_anchored(subject.params), quiet(0, "read"))


def _anchored(params: Any) -> Any:
    """The parameters with every path absolute, so that a folder of one's own is no fault of the source."""
    given = {field.name: getattr(params, field.name) for field in attrs.fields(type(params))}
    changed = {name: value.absolute() for name, value in given.items() if isinstance(value, Path)}
    return attrs.evolve(params, **changed) if changed else params


def _values(frame: pd.DataFrame, table: str, key: str) -> list[Any]:
    if key not in frame.columns:
        raise BrokenLawError(f"{table} has no column called {key}")
    return frame[key].tolist()


def _readable(law: Callable[[Dataset], None]) -> Callable[[Subject], None]:
    """A law about the dataset that a source gives; where it gives none, gives-a-dataset tells."""

    @functools.wraps(law)
    def held(subject: Subject) -> None:
        with shaken(0):
            dataset = _given(subject)
        if dataset is not None:
            law(dataset)

    return held


CHECKS = (
    Check("gives-a-dataset", gives_a_dataset),
    Check("one-row-for-each-id", _readable(one_row_for_each_id)),
    Check("no-pair-twice", _readable(no_pair_twice)),
    Check("ratings-on-the-scale", _readable(ratings_on_the_scale)),
    Check("every-column-has-its-role", _readable(every_column_has_its_role)),
    Check("folds-are-whole", _readable(folds_are_whole)),
    Check("repeatable", repeatable),
    Check("offline-once-cached", offline_once_cached),
    Check("same-from-any-folder", same_from_any_folder),
)
