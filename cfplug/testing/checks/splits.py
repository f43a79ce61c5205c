"""The laws of splits: what is split stays whole, and what is measured is not looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import attrs
import numpy as np
from hypothesis import strategies as st

from cfplug.data.dataset import Dataset, Split
from cfplug.errors import CfplugError
from cfplug.evaluation.folds import named
from cfplug.testing.check import BrokenLawError, Check, Subject
from cfplug.testing.compare import of_datasets, of_splits
from cfplug.testing.fixtures.datasets import Plan, own_copy, town
from cfplug.testing.fixtures.isolation import shaken
from cfplug.testing.fixtures.train import quiet

EXAMPLES = 30
"""A split trains nothing, so more examples cost little."""

TOWNS = st.sampled_from(
    [
        Plan(
            users=users,
            items=items,
            ratings=ratings,
            metadata=users != 9,
            constant=users == 13,
            seed=users,
        )
        for users, items, ratings in (
            (7, 19, 80),
            (9, 23, 120),
            (13, 6, 60),
            (31, 23, 250),
            (40, 11, 200),
            (25, 2, 45),
        )
    ]
)
"""Towns with enough ratings, times and folds, so that most splits can do their work."""

HAMLETS = st.sampled_from(
    [
        Plan(
            users=users,
            items=items,
            ratings=ratings,
            time=bool((users + ratings) % 3),
            metadata=bool(users % 2),
        )
        for users, items in ((1, 1), (1, 4), (2, 1), (2, 5), (5, 3))
        for ratings in (1, 2, 3, 5, 9)
        if ratings <= users * items
    ]
)
"""Towns with few ratings, some without times: here a split may say that it cannot be done."""


def gives_a_split(subject: Subject) -> None:
    """On an ordinary dataset, with times and with folds u1 and u2, it gives a Split, or several by name."""
    dataset = town()
    try:
        given = subject.function("split")(dataset, subject.params, quiet(0))
    except CfplugError as error:
        raise BrokenLawError(
            f"it cannot split {dataset}, which has times, metadata and the folds u1 and u2: {error} "
            "(if it needs other parameters, give them in params)"
        ) from error
    try:
        named(given)
    except CfplugError as error:
        raise BrokenLawError(
            f"{error}; return cfplug.Split(train, valid), or a dict of them"
        ) from error


def complete_and_disjoint(subject: Subject) -> None:
    """Every rating lies in exactly one part of each fold, and no part is empty."""

    def law(plan: Plan) -> None:
        dataset = town(plan)
        for fold, split in (_split(subject, dataset) or {}).items():
            _check_parts(
                split, len(dataset.ratings), f"fold {fold} of {dataset}" if fold else str(dataset)
            )

    subject.hold(law, TOWNS | HAMLETS, examples=2 * EXAMPLES)


def _check_parts(split: Split, n: int, where: str) -> None:
    parts = {name: getattr(split, name) for name in ("train", "valid", "test", "support")}
    times: Counter[int] = Counter()
    for name, rows in parts.items():
        if rows is None:
            continue
        if np.ndim(rows) != 1 or np.asarray(rows).dtype.kind not in "iu":
            told = f"{np.asarray(rows).dtype} of shape {np.shape(rows)}"
            raise BrokenLawError(f"{where}: {name} must be row numbers of shape (n,); is {told}")
        if len(rows) == 0:
            raise BrokenLawError(
                f"{where}: {name} has no rating; leave an optional part None, or raise a DataError where there are "
                "too few"
            )
        times.update(np.asarray(rows).tolist())
    for words, wrong in (
        ("is in no part", [row for row in range(n) if times[row] == 0]),
        (
            "is in several parts, or twice in one",
            [row for row, count in times.items() if count > 1],
        ),
        (f"does not exist: rows go from 0 to {n - 1}", [row for row in times if not 0 <= row < n]),
    ):
        if wrong:
            raise BrokenLawError(f"{where}: row {wrong[0]} {words}; {len(wrong)} in all")


def same_seed_same_split(subject: Subject) -> None:
    """The same dataset and the same seed give the same split, whatever else was drawn in the process before."""

    def law(plan: Plan, seed: int) -> None:
        given = []
        for state in (1, 2):
            with shaken(state):
                given.append(_split(subject, town(plan), seed))
        _compare(
            given[0],
            given[1],
            "asked twice with one seed it gave two splits",
            "draw with context.rng, or with a generator made of context.seed, and with nothing else",
        )

    subject.hold(law, TOWNS, st.integers(0, 2**31), examples=10)


def dataset_unchanged(subject: Subject) -> None:
    """It does not change the dataset: neither a table nor the folds."""

    def law(plan: Plan) -> None:
        dataset = town(plan)
        before = own_copy(dataset)
        _split(subject, dataset)
        if found := of_datasets(before, dataset):
            raise BrokenLawError(f"it changed the dataset: {found}; work on a copy")

    subject.hold(law, TOWNS, examples=EXAMPLES)


def blind_to_ratings(subject: Subject) -> None:
    """What the ratings are does not change the split: other values in the same rows give the same parts.

    A split that looks at them lets what is to be predicted decide what is measured. One that must,
    as a stratified one, declares this a known failure."""

    def law(plan: Plan, seed: int) -> None:
        dataset = town(plan)
        before, again = (_shaken_split(subject, town(plan), seed) for _ in range(2))
        if before is None or again is None or of_splits(before, again):
            return  # it is not the ratings that change it; same-seed-same-split tells
        values = np.random.default_rng(seed).permutation(dataset.ratings["rating"].to_numpy())
        other = np.where(
            values == dataset.ratings["rating"], 6 - values, values
        )  # the scale goes from 1 to 5
        changed = attrs.evolve(dataset, ratings=dataset.ratings.assign(rating=other))
        _compare(
            before,
            _shaken_split(subject, changed, seed),
            "other ratings in the same rows gave another split",
            "split by users, items, times and chance alone",
        )

    subject.hold(law, TOWNS, st.integers(0, 2**31), examples=10)


def says_what_it_cannot_split(subject: Subject) -> None:
    """Where there are too few ratings, or no times, it gives a split or one of cfplug's errors, nothing else."""

    def law(plan: Plan) -> None:
        dataset = town(plan)
        try:
            subject.function("split")(dataset, subject.params, quiet(0))
        except CfplugError as error:
            if not str(error).strip():
                raise BrokenLawError(
                    f"on {dataset} it raised {type(error).__name__} without a word"
                ) from error
        except Exception as error:
            raise BrokenLawError(
                f"on {dataset} it raised {type(error).__name__}: {error}; raise a cfplug.DataError that says what the "
                "data lacks and what to do"
            ) from error

    subject.hold(law, HAMLETS, examples=EXAMPLES)


def _split(subject: Subject, dataset: Dataset, seed: int = 0) -> dict[str, Split] | None:
    """The splits by the name of the fold; None where there are none, of which other laws tell."""
    try:
        return named(subject.function("split")(dataset, subject.params, quiet(seed)))
    except Exception:
        return None


def _shaken_split(subject: Subject, dataset: Dataset, seed: int) -> dict[str, Split] | None:
    """The same with global generators in a fixed state."""
    with shaken(0):
        return _split(subject, dataset, seed)


def _compare(
    one: Mapping[str, Split] | None, two: Mapping[str, Split] | None, broken: str, advice: str
) -> None:
    if (one is None) != (two is None):
        raise BrokenLawError(f"{broken}: once it gave none at all; {advice}")
    if one is not None and two is not None and (found := of_splits(one, two)):
        raise BrokenLawError(f"{broken}: {found}; {advice}")


CHECKS = (
    Check("gives-a-split", gives_a_split),
    Check("complete-and-disjoint", complete_and_disjoint),
    Check("same-seed-same-split", same_seed_same_split),
    Check("dataset-unchanged", dataset_unchanged),
    Check("blind-to-ratings", blind_to_ratings),
    Check("says-what-it-cannot-split", says_what_it_cannot_split),
)
