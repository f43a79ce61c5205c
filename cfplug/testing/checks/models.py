"""Checks of models' predictions: one for each pair, by the ratings and the seed alone."""

from __future__ import annotations

from typing import Any, cast

import attrs
import numpy as np
import torch

from cfplug.data.batch import Interactions
from cfplug.data.dataset import Dataset, Split
from cfplug.data.vocabulary import SIDES
from cfplug.params import plain
from cfplug.plugin.components import Model
from cfplug.testing.check import Check, CheckError, Subject, fail_if, no_error
from cfplug.testing.checks import capabilities, learning
from cfplug.testing.compare import array_difference, check_ratings, pair_name
from cfplug.testing.fixtures.isolation import seeded
from cfplug.testing.fixtures.models import (
    Case,
    check_cases,
    known_pairs,
    model_of,
    model_use,
    predict,
    tiny_case,
    trained,
)
from cfplug.testing.fixtures.train import Trainer
from cfplug.testing.strategies.transforms import renamed, reordered
from cfplug.training.checkpoint import Watch
from cfplug.training.fit import Task, fit, untrained
from cfplug.training.module import Scored


def same_seed_same_answer(subject: Subject) -> None:
    """Predict the same to the last bit when trained twice with the same seed."""

    def check(case: Case) -> None:
        first, again = trained(subject, *case, seed=1), trained(subject, *case, seed=2)
        pairs = known_pairs(first)
        expected, found = predict(first, pairs), predict(again, pairs)
        advice = "Draw from context.rng, or in `build` from torch's generator, which is seeded."
        place = "trained again with the same seed"
        check_ratings(pairs, expected, found, place, advice, exact=True)

    check_cases(subject, check)


def input_not_changed(subject: Subject) -> None:
    """Change neither data and parameters while training nor pairs while predicting."""
    advice = "Work on copies of the arguments."

    def check(case: Case) -> None:
        dataset, split = case
        task = Trainer(subject.registry).task(model_use(subject), dataset, split)
        data_hash, before, params = dataset.hash(), _arrays(task), plain(task.use.use.params)
        with seeded(0):
            model = fit(task, Watch()).model
        fail_if(array_difference(before, _arrays(task)), "arguments of training", advice)
        if dataset.hash() != data_hash:
            raise CheckError(f"dataset after training: expected no change, got one. {advice}")
        if plain(task.use.use.params) != params:
            raise CheckError(f"parameters after training: expected no change, got one. {advice}")

        batch = model.encoded(known_pairs(model))
        codes = {"user": batch.user, "item": batch.item}
        before = {name: np.array(array) for name, array in codes.items()}
        model.predictor.predict(batch)
        fail_if(array_difference(before, codes), "batch after predict", advice)

    check_cases(subject, check)


def _arrays(task: Task) -> dict[str, np.ndarray]:
    """Return copies of the arrays that a model is given."""
    found: dict[str, Any] = {}
    for name, part in (("train", task.train), ("valid", task.valid)):
        found[f"{name}.user"] = part.batch.user
        found[f"{name}.item"] = part.batch.item
        found[f"{name}.rating"] = part.rating
    for feature in task.features or ():
        found[f"table of {feature.name}"] = feature.table
    return {name: np.array(array) for name, array in found.items() if array is not None}


def one_answer_per_pair_in_the_order_asked(subject: Subject) -> None:
    """Return one rating for each pair, in the order of the pairs, also for a repeated pair."""

    def check(case: Case) -> None:
        model = model_of(subject, case)
        pairs = known_pairs(model)
        order = np.random.default_rng(0).permutation(np.arange(len(pairs)).repeat(2))
        first, again = predict(model, pairs), predict(model, pairs.iloc[order])
        for rating, n in ((first, len(pairs)), (again, len(order))):
            _check_shape(rating, n)
        place = "predict for each pair twice, in another order"
        check_ratings(pairs.iloc[order], first[order], again, place)

    check_cases(subject, check)


def _check_shape(rating: np.ndarray, n: int) -> None:
    if rating.shape != (n,):
        raise CheckError(f"predict for {n} pairs: expected the shape ({n},), got {rating.shape}")


def answers_are_finite(subject: Subject) -> None:
    """Return a finite rating for each user and item with at least one training rating."""

    def check(case: Case) -> None:
        model = model_of(subject, case)
        pairs = known_pairs(model, most=1000)
        rating = predict(model, pairs)
        wrong = ~np.isfinite(rating)
        if wrong.any():
            row = int(wrong.argmax())
            batch = model.encoded(pairs)
            n_user, n_item = (
                model.support.count[side][getattr(batch, side)[row]] for side in SIDES
            )
            raise CheckError(
                f"{pair_name(pairs, row)}: expected a finite rating, got {rating[row]} "
                f"({int(wrong.sum())} of {len(pairs)} pairs). Training has {n_user} ratings of the "
                f"user and {n_item} of the item."
            )

    check_cases(subject, check)


def names_of_ids_do_not_matter(subject: Subject) -> None:
    """Predict the same to the last bit where all ids have other names in the same order."""

    def check(case: Case) -> None:
        dataset, split = case
        other = renamed(dataset, seed=1)
        first, again = model_of(subject, case), trained(subject, other.dataset, split)
        pairs = known_pairs(first)
        expected, found = predict(first, pairs), predict(again, other.pairs(pairs))
        advice = "Use codes instead of names."
        check_ratings(pairs, expected, found, "with every id renamed", advice, exact=True)

    check_cases(subject, check)


def row_order_does_not_matter(subject: Subject) -> None:
    """Predict the same, or have the same gradient, where the ratings are in another order.

    A whole training by gradient depends on which rows share a step, which is random; the gradient
    of a step over all rows without dropout does not.
    """

    def check(case: Case) -> None:
        if cast(Model, subject.component).learns_by_gradient:
            _check_gradient(subject, *case)
            return
        dataset, split = case
        other = reordered(dataset, seed=1)
        moved = Split(np.sort(other.rows(split.train)), np.sort(other.rows(split.valid)))
        first, again = model_of(subject, case), trained(subject, other.dataset, moved)
        pairs = known_pairs(first)
        place = "trained on the same ratings in another order"
        check_ratings(pairs, predict(first, pairs), predict(again, pairs), place)

    check_cases(subject, check)


def _check_gradient(subject: Subject, dataset: Dataset, split: Split) -> None:
    task = Trainer(subject.registry).task(model_use(subject), dataset, split)
    scored, order = untrained(task), np.random.default_rng(1).permutation(len(task.train))
    moved = attrs.evolve(task.train, batch=task.train.batch[order], rating=task.train.rating[order])
    first, again = _gradient(scored, task.train), _gradient(scored, moved)
    for name, gradient in first.items():
        tolerance = 1e-4 * float(gradient.abs().max()) + 1e-6
        difference = float((gradient - again[name]).abs().max())
        if not difference <= tolerance:
            raise CheckError(
                f"rows of a step in another order: expected the same gradient of {name}, got a "
                f"difference of {difference:.3g}. The output of a row must depend on it alone."
            )


def _gradient(scored: Scored, data: Interactions) -> dict[str, torch.Tensor]:
    """Return the gradient of each weight in a step over all rows, without dropout."""
    scored.eval()
    scored.zero_grad()
    rating = torch.as_tensor(data.rating, dtype=torch.float32)
    scored.head.loss(scored(data.batch.to("cpu")), rating).backward()  # type: ignore[operator]
    found: dict[str, torch.Tensor] = {}
    for name, weight in scored.named_parameters():
        if weight.grad is not None:
            found[name] = weight.grad.clone()
    return found


def batch_equals_one_by_one(subject: Subject) -> None:
    """Predict the same for a pair alone as among other pairs."""

    def check(case: Case) -> None:
        model = model_of(subject, case)
        pairs = known_pairs(model, most=12)
        expected = predict(model, pairs)
        for row in range(len(pairs)):
            pair = pairs.iloc[[row]]
            rating = predict(model, pair)
            _check_shape(rating, 1)
            place = f"predict for one pair instead of {len(pairs)}"
            check_ratings(pair, expected[[row]], rating, place)

    check_cases(subject, check)


def empty_question_gives_an_empty_answer(subject: Subject) -> None:
    """Return no ratings for no pairs."""
    model = trained(subject, *tiny_case([(1, "a", 3.0), (2, "a", 5.0), (2, "b", 1.0)]))
    with no_error("predict for 0 pairs"):
        rating = predict(model, known_pairs(model).iloc[:0])
    _check_shape(rating, 0)


CHECKS = (
    Check(same_seed_same_answer),
    Check(input_not_changed),
    Check(one_answer_per_pair_in_the_order_asked),
    Check(answers_are_finite),
    Check(names_of_ids_do_not_matter),
    Check(row_order_does_not_matter),
    Check(batch_equals_one_by_one),
    Check(empty_question_gives_an_empty_answer),
    *learning.CHECKS,
    *capabilities.CHECKS,
)
