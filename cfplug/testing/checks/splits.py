"""Checks of splits: every rating is in one part, and the ratings themselves do not matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import attrs
import numpy as np
from hypothesis import strategies as st

from cfplug.data.dataset import Dataset, Split
from cfplug.errors import CfplugError
from cfplug.evaluation.folds import named
from cfplug.testing.check import Check, CheckError, Subject, fail_if, no_error
from cfplug.testing.compare import dataset_difference, split_difference
from cfplug.testing.fixtures.datasets import DatasetSpec, dataset_copy, small_dataset
from cfplug.testing.fixtures.isolation import seeded
from cfplug.testing.fixtures.train import check_context

EXAMPLES = 30
"""The number of examples; a split trains nothing, so they cost little."""

ORDINARY = st.sampled_from(
    [
        DatasetSpec(7, 19, 80, seed=7),
        DatasetSpec(9, 23, 120, seed=9, metadata=False),
        DatasetSpec(13, 6, 60, seed=13, constant=True),
        DatasetSpec(31, 23, 250, seed=31),
        DatasetSpec(40, 11, 200, seed=40),
        DatasetSpec(25, 2, 45, seed=25),
    ]
)
"""Datasets with enough ratings, times and folds for most splits."""


def _tiny_specs() -> list[DatasetSpec]:
    specs = []
    for users, items in ((1, 1), (1, 4), (2, 1), (2, 5), (5, 3)):
        for n in (1, 2, 3, 5, 9):
            if n <= users * items:
                has_time, has_metadata = bool((users + n) % 3), bool(users % 2)
                specs.append(DatasetSpec(users, items, n, time=has_time, metadata=has_metadata))
    return specs


TINY = st.sampled_from(_tiny_specs())
"""Datasets with few ratings, some without times, which a split may refuse."""

SEEDS = st.integers(0, 2**31)

Folds = Mapping[str, Split]


def gives_a_split(subject: Subject) -> None:
    """Return a Split, or several by name, of a dataset with times and the folds u1 and u2."""
    advice = "If it needs other parameters, give them in params."
    with no_error("split of an ordinary dataset with folds u1 and u2", advice, CfplugError):
        given = subject.function("split")(small_dataset(), subject.params, check_context(0))
    advice = "Return cfplug.Split(train, valid), or a dict of several by name."
    with no_error("result of split", advice, CfplugError):
        named(given)


def complete_and_disjoint(subject: Subject) -> None:
    """Put every rating into exactly one part of each fold, and leave no part empty."""

    def check(spec: DatasetSpec) -> None:
        dataset = small_dataset(spec)
        for fold, split in (_split(subject, dataset) or {}).items():
            place = f"fold {fold} of {dataset}" if fold else str(dataset)
            _check_parts(split, len(dataset.ratings), place)

    subject.check_property(check, ORDINARY | TINY, examples=2 * EXAMPLES)


def _check_parts(split: Split, n: int, place: str) -> None:
    counts: Counter[int] = Counter()
    for name in ("train", "valid", "test", "support"):
        rows = getattr(split, name)
        if rows is None:
            continue
        if np.ndim(rows) != 1 or np.asarray(rows).dtype.kind not in "iu":
            found = f"{np.asarray(rows).dtype} of shape {np.shape(rows)}"
            raise CheckError(f"{place}, {name}: expected row numbers of shape (n,), got {found}")
        if len(rows) == 0:
            raise CheckError(
                f"{place}, {name}: expected at least one rating, got none. Leave an optional part "
                "None, or raise a cfplug.DataError where there are too few ratings."
            )
        counts.update(np.asarray(rows).tolist())
    for row in sorted({*range(n), *counts}):
        if not 0 <= row < n:
            raise CheckError(f"{place}: expected rows from 0 to {n - 1}, got row {row}")
        if counts[row] != 1:
            wrong = sum(counts[each] != 1 for each in range(n))
            raise CheckError(
                f"{place}: expected row {row} in one part, got it {counts[row]} times "
                f"({wrong} of {n} rows are wrong)"
            )


def same_seed_same_split(subject: Subject) -> None:
    """Return the same split of a dataset for the same seed, whatever was drawn before."""

    def check(spec: DatasetSpec, seed: int) -> None:
        one = _split(subject, small_dataset(spec), seed, state=1)
        two = _split(subject, small_dataset(spec), seed, state=2)
        advice = "Draw from context.rng, or from a generator made with context.seed."
        _check_same(one, two, "split twice with one seed", advice)

    subject.check_property(check, ORDINARY, SEEDS, examples=10)


def dataset_unchanged(subject: Subject) -> None:
    """Change neither a table nor the folds of the dataset."""

    def check(spec: DatasetSpec) -> None:
        dataset = small_dataset(spec)
        before = dataset_copy(dataset)
        _split(subject, dataset)
        fail_if(dataset_difference(before, dataset), "dataset after split", "Work on a copy.")

    subject.check_property(check, ORDINARY, examples=EXAMPLES)


def rating_values_do_not_matter(subject: Subject) -> None:
    """Return the same split where the rows have other ratings.

    A split that looks at the ratings lets what is to be predicted decide what is measured. One that
    must, such as a stratified split, declares this as a known failure.
    """

    def check(spec: DatasetSpec, seed: int) -> None:
        dataset = small_dataset(spec)
        before = _split(subject, small_dataset(spec), seed)
        again = _split(subject, small_dataset(spec), seed)
        if before is None or again is None or split_difference(before, again):
            return  # reported by same_seed_same_split
        rating = dataset.ratings["rating"].to_numpy()
        mixed = np.random.default_rng(seed).permutation(rating)
        others = np.where(mixed == rating, 6 - mixed, mixed)  # the scale goes from 1 to 5
        changed = attrs.evolve(dataset, ratings=dataset.ratings.assign(rating=others))
        advice = "Split by users, items, times and random numbers alone."
        place = "split of the same rows with other ratings"
        _check_same(before, _split(subject, changed, seed), place, advice)

    subject.check_property(check, ORDINARY, SEEDS, examples=10)


def impossible_splits_are_refused(subject: Subject) -> None:
    """Return a split or raise an error of cfplug's where there are few ratings or no times."""

    def check(spec: DatasetSpec) -> None:
        dataset = small_dataset(spec)
        place, advice = f"split of {dataset}", "Raise a cfplug.DataError that says what is missing."
        with no_error(place, advice):
            try:
                subject.function("split")(dataset, subject.params, check_context(0))
            except CfplugError as error:
                if not str(error).strip():
                    raise CheckError("expected an error with a message, got none") from error

    subject.check_property(check, TINY, examples=EXAMPLES)


def _split(subject: Subject, dataset: Dataset, seed: int = 0, state: int = 0) -> Folds | None:
    """Return the splits by name, or None; other checks report where there are none.

    `state` is the seed of the global generators.
    """
    try:
        with seeded(state):
            return named(subject.function("split")(dataset, subject.params, check_context(seed)))
    except Exception:
        return None


def _check_same(one: Folds | None, two: Folds | None, place: str, advice: str) -> None:
    if (one is None) != (two is None):
        fail_if("expected a split both times, got one only once", place, advice)
    if one is not None and two is not None:
        fail_if(split_difference(one, two), place, advice)


CHECKS = (
    Check(gives_a_split),
    Check(complete_and_disjoint),
    Check(same_seed_same_split),
    Check(dataset_unchanged),
    Check(rating_values_do_not_matter),
    Check(impossible_splits_are_refused),
)
