"""Each broken model of the zoo is caught by the check that is meant for it, and by no other."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from cfplug.data.catalogue import Support
from cfplug.plugin.registry import load
from cfplug.testing import BrokenLawError, Item, items, outcome
from cfplug.testing.checks.models import CHECKS
from cfplug.testing.fixtures.pairs import cases

MUTANTS = Path(__file__).parents[1] / "zoo" / "mutants"

CAUGHT: dict[str, tuple[str, ...]] = {
    "sound": (),
    "sound-net": (),
    "unseeded": ("same-seed-same-answer",),
    "unseeded-net": ("same-seed-same-answer",),
    "centring": ("input-not-changed",),
    "overwriting": ("input-not-changed",),
    "distinct": ("one-answer-per-pair-in-the-order-asked",),
    "sorting": ("one-answer-per-pair-in-the-order-asked",),
    "nan-for-rare": ("answers-are-finite", "one-rating-is-enough"),
    "name-reading": ("names-of-ids-do-not-matter",),
    "order-taught": ("row-order-does-not-matter",),
    "batch-centring": ("batch-equals-one-by-one",),
    "squeezing": ("batch-equals-one-by-one",),
    "counting-net": (
        "one-answer-per-pair-in-the-order-asked",
        "row-order-does-not-matter",
        "batch-equals-one-by-one",
    ),
    "empty-shy": ("empty-question-gives-an-empty-answer",),
    "lonely-shy": ("one-rating-is-enough",),
    "peeking": ("held-out-ratings-do-not-matter",),
    "swapped": ("users-and-items-keep-their-sides", "learns-planted-ratings"),
    "swapped-net": ("users-and-items-keep-their-sides", "learns-planted-ratings"),
    "knowing": ("learns-planted-ratings",),
    "forgetful": ("opens-again-the-same",),
    "remembering": ("opens-again-the-same",),
    "forgetful-net": ("opens-again-the-same",),
    "flat": ("embeddings-have-a-row-for-each-id",),
    "wrong-side": ("biases-have-a-number-for-each-id",),
    "short-of-mean": ("terms-sum-to-the-output",),
    "shifting": ("terms-of-a-pair-are-its-own",),
    "half-told": ("vectors-stand-in-for-ids",),
    "deaf": ("other-vectors-give-other-answers",),
}
"""The checks that each mutant breaks, in the order in which they are tried."""

SAYS = {
    "unseeded/same-seed-same-answer": "draw from context.rng alone",
    "centring/input-not-changed": "training changed train.rating: work on copies of what you are given",
    "overwriting/input-not-changed": "predict changed batch.item: work on copies of what you are given",
    "empty-shy/empty-question-gives-an-empty-answer": (
        "asked about no pairs, predict raised ValueError: zero-size array to reduction operation maximum which has no "
        "identity"
    ),
    "squeezing/batch-equals-one-by-one": "asked about one pair, predict gave an array of shape (), not (1,)",
    "nan-for-rare/one-rating-is-enough": "trained on one rating, it says nan",
    "lonely-shy/one-rating-is-enough": (
        "with one rating it raised ZeroDivisionError: division by zero; if it needs more, say so with a "
        "cfplug.DataError"
    ),
    "swapped/users-and-items-keep-their-sides": (
        "trained on ratings that hang on the user alone, its answers vary by 0.877 from item to item and by 0.005 from "
        "user to user: are users and items swapped?"
    ),
    "deaf/other-vectors-give-other-answers": (
        "other vectors of every user change nothing: predict must look at batch.vector('user') first"
    ),
}
"""What an author is told: the whole of it, or the part that does not hang on the drawn data."""


@functools.cache
def of_plugin() -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items("mutant-models", registry=load([MUTANTS]), examples=3):
        kind, _, rest = item.id.partition("/")
        if kind == "model":
            found.setdefault(rest.partition("/")[0], []).append(item)
    return found


def test_the_table_names_every_mutant() -> None:
    assert set(CAUGHT) == set(of_plugin())


@pytest.mark.parametrize("mutant", CAUGHT)
def test_a_mutant_is_caught_by_the_check_meant_for_it_and_by_no_other(mutant: str) -> None:
    outcomes = {item.check.name: outcome(item) for item in of_plugin()[mutant]}
    assert [name for name, each in outcomes.items() if not each.good] == list(CAUGHT[mutant])
    for name in CAUGHT[mutant]:
        assert SAYS.get(f"{mutant}/{name}", "") in outcomes[name].message


def test_every_law_of_models_has_its_mutant_but_that_of_the_core() -> None:
    caught = {name for names in CAUGHT.values() for name in names}
    assert {check.name for check in CHECKS} - caught == {"unknown-ids-follow-the-policy"}


def test_an_answer_for_ids_that_training_never_saw_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Models are never asked about such ids, so this law is of the core, which is broken here."""
    (item,) = [
        each for each in of_plugin()["sound"] if each.check.name == "unknown-ids-follow-the-policy"
    ]
    item.run()
    monkeypatch.setattr(
        Support, "trained", lambda support, side, codes: np.ones(len(codes), dtype=bool)
    )
    with pytest.raises(BrokenLawError) as caught:
        item.run()
    assert (
        str(caught.value) == "with the policy `error` it answered for an id that training never saw"
    )


def test_the_cases_go_from_the_smallest_to_one_that_has_something_of_everything() -> None:
    sizes = [len(dataset.ratings) for dataset, _ in cases(5)]
    assert sizes == sorted(sizes)
    assert sizes[0] <= 8
    dataset, split = cases(5)[-1]
    for side in ("user", "item"):
        count = dataset.ratings.iloc[split.train][side].value_counts()
        assert len(count) == dataset.ratings[side].nunique()
        assert count.min() >= 2
