"""Laws of what models answer: for each pair one number that hangs on the ratings and the seed, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import attrs
import numpy as np
import torch

from cfplug.data.batch import Interactions
from cfplug.data.dataset import Dataset, Split
from cfplug.data.vocabulary import SIDES
from cfplug.params import plain
from cfplug.plugin.components import Model
from cfplug.testing.check import BrokenLawError, Check, Subject
from cfplug.testing.checks.capabilities import CHECKS as CAPABILITIES
from cfplug.testing.checks.learning import CHECKS as LESSONS
from cfplug.testing.fixtures.assertions import close, same_bits, unchanged
from cfplug.testing.fixtures.models import Case, hold, model_of, model_use, trained
from cfplug.testing.fixtures.pairs import asked, luck, named, tiny, told
from cfplug.testing.fixtures.train import Workbench
from cfplug.testing.strategies.transforms import renamed, reordered
from cfplug.training.checkpoint import Watch
from cfplug.training.fit import Task, fit, untrained
from cfplug.training.module import Scored


def same_seed_same_answer(subject: Subject) -> None:
    """Trained twice with the same seed it gives the same answers, to the last bit."""

    def law(case: Case) -> None:
        first, again = (trained(subject, *case, fortune=fortune) for fortune in (1, 2))
        pairs = asked(first)
        same_bits(
            pairs,
            told(first, pairs),
            told(again, pairs),
            "trained again with the same seed",
            "draw from context.rng alone, or in `build` from torch's generator, which is seeded there",
        )

    hold(subject, law)


def input_not_changed(subject: Subject) -> None:
    """Training and answering leave ratings, metadata, parameters and the pairs that are asked as they are."""

    def law(case: Case) -> None:
        dataset, split = case
        task = Workbench(subject.registry).task(model_use(subject), dataset, split)
        hashed, before = dataset.hash(), _parts(task)
        with luck(0):
            model = fit(task, Watch()).model
        unchanged(before, _parts(task), "training")
        if dataset.hash() != hashed:
            raise BrokenLawError(
                "training changed the dataset; work on copies of what you are given"
            )
        batch = model.encoded(asked(model))
        questions = {"batch.user": batch.user.copy(), "batch.item": batch.item.copy()}
        model.predictor.predict(batch)
        unchanged(questions, {"batch.user": batch.user, "batch.item": batch.item}, "predict")

    hold(subject, law)


def one_answer_per_pair_in_the_order_asked(subject: Subject) -> None:
    """Every pair gets one answer, in the order in which it was asked, and a pair that is asked twice gets two."""

    def law(case: Case) -> None:
        model = model_of(subject, case)
        pairs = asked(model)
        order = np.random.default_rng(0).permutation(np.arange(len(pairs)).repeat(2))
        first, again = told(model, pairs), told(model, pairs.iloc[order])
        for given, n in ((first, len(pairs)), (again, len(order))):
            if given.shape != (n,):
                raise BrokenLawError(
                    f"asked about {n} pairs, predict gave an array of shape {given.shape}, not ({n},)"
                )
        close(pairs.iloc[order], first[order], again, "asked in another order, each pair twice")

    hold(subject, law)


def answers_are_finite(subject: Subject) -> None:
    """Every pair of a user and an item that training saw, be it once, gets a finite number."""

    def law(case: Case) -> None:
        model = model_of(subject, case)
        pairs = asked(model, most=1000)
        rating = told(model, pairs)
        wrong = ~np.isfinite(rating)
        if wrong.any():
            row = int(wrong.argmax())
            counts = [
                model.support.count[side][getattr(model.encoded(pairs), side)[row]]
                for side in SIDES
            ]
            raise BrokenLawError(
                f"{named(pairs, row)} get {rating[row]}; training saw {counts[0]} ratings of the one and {counts[1]} "
                f"of the other ({int(wrong.sum())} of {len(pairs)} pairs are no finite numbers)"
            )

    hold(subject, law)


def names_of_ids_do_not_matter(subject: Subject) -> None:
    """With other names for all users and items, in the same order, the answers are the same to the last bit."""

    def law(case: Case) -> None:
        dataset, split = case
        other = renamed(dataset, seed=1)
        first, again = model_of(subject, case), trained(subject, other.dataset, split)
        pairs = asked(first)
        others = told(again, other.pairs(pairs))
        same_bits(
            pairs, told(first, pairs), others, "with every id renamed", "use codes, not names"
        )

    hold(subject, law)


def row_order_does_not_matter(subject: Subject) -> None:
    """With the ratings in another order the answers are the same, or, where it learns by gradient, a step's gradient.

    A whole training by gradient depends on which rows share a step, which is chance; the gradient
    of a step over all rows does not, while nothing is dropped out."""

    def law(case: Case) -> None:
        if _by_gradient(subject):
            _check_gradient(subject, *case)
            return
        dataset, split = case
        other = reordered(dataset, seed=1)
        moved = Split(*(np.sort(other.rows(part)) for part in (split.train, split.valid)))
        first, again = model_of(subject, case), trained(subject, other.dataset, moved)
        pairs = asked(first)
        close(
            pairs,
            told(first, pairs),
            told(again, pairs),
            "with the rows of the ratings in another order",
        )

    hold(subject, law)


def batch_equals_one_by_one(subject: Subject) -> None:
    """A pair that is asked about alone gets the answer that it gets among others."""

    def law(case: Case) -> None:
        model = model_of(subject, case)
        pairs = asked(model, most=12)
        whole = told(model, pairs)
        alone = [told(model, pairs.iloc[[row]]) for row in range(len(pairs))]
        for row, rating in enumerate(alone):
            if rating.shape != (1,):
                raise BrokenLawError(
                    f"asked about one pair, predict gave an array of shape {rating.shape}, not (1,)"
                )
            close(pairs.iloc[[row]], whole[[row]], rating, f"asked alone, not among {len(pairs)}")

    hold(subject, law)


def empty_question_gives_an_empty_answer(subject: Subject) -> None:
    """Asked about no pairs it gives no ratings."""
    model = trained(subject, *tiny([(1, "a", 3.0), (2, "a", 5.0), (2, "b", 1.0)]))
    try:
        rating = told(model, asked(model).iloc[:0])
    except Exception as error:
        raise BrokenLawError(
            f"asked about no pairs, predict raised {type(error).__name__}: {error}"
        ) from error
    if rating.shape != (0,):
        raise BrokenLawError(
            f"asked about no pairs, predict gave an array of shape {rating.shape}, not (0,)"
        )


# What the laws share


def _by_gradient(subject: Subject) -> bool:
    return cast(Model, subject.component).learns_by_gradient


def _parts(task: Task) -> dict[str, Any]:
    """Copies of all that a model gets to see."""
    arrays: dict[str, Any] = {"params": plain(task.use.use.params)}
    for word, part in (("train", task.train), ("valid", task.valid)):
        arrays |= {
            f"{word}.user": part.batch.user,
            f"{word}.item": part.batch.item,
            f"{word}.rating": part.rating,
        }
    for feature in task.features or ():
        arrays[f"the table of {feature.name}"] = feature.table
    return {
        name: np.copy(part) if isinstance(part, np.ndarray) else part
        for name, part in arrays.items()
    }


def _check_gradient(subject: Subject, dataset: Dataset, split: Split) -> None:
    task = Workbench(subject.registry).task(model_use(subject), dataset, split)
    scored, order = untrained(task), np.random.default_rng(1).permutation(len(task.train))
    moved = attrs.evolve(task.train, batch=task.train.batch[order], rating=task.train.rating[order])
    first, again = _gradient(scored, task.train), _gradient(scored, moved)
    for name, gradient in first.items():
        slack = 1e-4 * float(gradient.abs().max()) + 1e-6
        off = float((gradient - again[name]).abs().max())
        if not off <= slack:
            raise BrokenLawError(
                f"with the rows of a step in another order the gradient of {name} is another, by {off:.3g}: "
                "the output of a row may hang on that row alone"
            )


def _gradient(scored: Scored, data: Interactions) -> dict[str, torch.Tensor]:
    """The gradient of a step over all rows, by the name of each weight, while nothing is dropped out."""
    scored.eval()
    scored.zero_grad()
    rating = torch.as_tensor(data.rating, dtype=torch.float32)
    scored.head.loss(scored(data.batch.to("cpu")), rating).backward()  # type: ignore[operator]
    named_parameters: Iterator[tuple[str, torch.nn.Parameter]] = scored.named_parameters()
    return {
        name: weight.grad.clone() for name, weight in named_parameters if weight.grad is not None
    }


CHECKS = (
    Check("same-seed-same-answer", same_seed_same_answer),
    Check("input-not-changed", input_not_changed),
    Check("one-answer-per-pair-in-the-order-asked", one_answer_per_pair_in_the_order_asked),
    Check("answers-are-finite", answers_are_finite),
    Check("names-of-ids-do-not-matter", names_of_ids_do_not_matter),
    Check("row-order-does-not-matter", row_order_does_not_matter),
    Check("batch-equals-one-by-one", batch_equals_one_by_one),
    Check("empty-question-gives-an-empty-answer", empty_question_gives_an_empty_answer),
    *LESSONS,
    *CAPABILITIES,
)
