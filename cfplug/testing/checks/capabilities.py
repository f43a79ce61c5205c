"""Laws of what a model declares to give beside ratings: embeddings, biases, terms and vectors, for known ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch

from cfplug.data.batch import Batch
from cfplug.data.vocabulary import SIDES
from cfplug.plugin.components import Model
from cfplug.prediction.fitted_model import FittedModel
from cfplug.prediction.network import NetworkPredictor
from cfplug.testing.check import BrokenLawError, Check, Subject
from cfplug.testing.fixtures.models import hold, model_of
from cfplug.testing.fixtures.pairs import asked, named


def embeddings_have_a_row_for_each_id(subject: Subject) -> None:
    """`embeddings(side)` gives finite numbers of shape (n_ids, factors)."""
    _hold(subject, lambda model: _check_rows(model, "embeddings", 2))


def biases_have_a_number_for_each_id(subject: Subject) -> None:
    """`biases(side)` gives finite numbers of shape (n_ids,)."""
    _hold(subject, lambda model: _check_rows(model, "biases", 1))


def terms_sum_to_the_output(subject: Subject) -> None:
    """The terms of a pair sum to its raw output, or to its rating where the model fits itself; each of shape (n,)."""

    def law(model: FittedModel) -> None:
        pairs = asked(model)
        batch = model.encoded(pairs)
        terms = model.predictor.terms(batch)
        for name, term in terms.items():
            if np.shape(term) != (len(pairs),):
                raise BrokenLawError(
                    f"the term {name!r} of {len(pairs)} pairs has the shape {np.shape(term)}"
                )
        expected, total = _output(model, batch), np.sum(list(terms.values()), axis=0)
        row = _furthest(total, expected)
        if row is not None:
            raise BrokenLawError(
                f"the terms of {named(pairs, row)} sum to {total[row]:.6g}; the model says {expected[row]:.6g}"
            )

    _hold(subject, law)


def terms_of_a_pair_are_its_own(subject: Subject) -> None:
    """The terms of a pair are the same whichever pairs are asked about beside it."""

    def law(model: FittedModel) -> None:
        pairs = asked(model)
        batch, rows = model.encoded(pairs), np.arange(0, len(pairs), 3)
        whole, some = model.predictor.terms(batch), model.predictor.terms(batch[rows])
        if list(whole) != list(some):
            raise BrokenLawError(
                f"asked about fewer pairs, the terms are {', '.join(some)}; before {', '.join(whole)}"
            )
        for name, term in some.items():
            row = _furthest(np.asarray(term), np.asarray(whole[name])[rows])
            if row is not None:
                raise BrokenLawError(
                    f"the term {name!r} of {named(pairs, int(rows[row]))} is {term[row]:.6g} among {len(rows)} pairs "
                    f"and {whole[name][rows[row]]:.6g} among {len(pairs)}"
                )

    _hold(subject, law)


def vectors_stand_in_for_ids(subject: Subject) -> None:
    """`vectors(side)` gives a row for each id; in a batch, in the place of the ids, they give the same answers."""

    def law(model: FittedModel) -> None:
        _check_rows(model, "vectors", 2)
        pairs = asked(model)
        batch = model.encoded(pairs)
        expected = model.predictor.predict(batch)
        for sides in (("user",), ("item",), SIDES):
            found = model.predictor.predict(_with_vectors(model, batch, sides))
            row = _furthest(found, expected)
            if row is not None:
                raise BrokenLawError(
                    f"with the vectors of {' and '.join(sides)} in their place, {named(pairs, row)} get "
                    f"{found[row]:.6g} and not {expected[row]:.6g}: `vectors` must be all that was learned of an id"
                )

    _hold(subject, law)


def other_vectors_give_other_answers(subject: Subject) -> None:
    """Vectors that a batch brings along are looked at: others change the answers."""

    def law(model: FittedModel) -> None:
        batch, rng = model.encoded(asked(model)), np.random.default_rng(0)
        expected = model.predictor.predict(batch)
        for side in SIDES:
            brought = _with_vectors(model, batch, (side,))
            vector = np.asarray(brought.vector(side))
            found = model.predictor.predict(
                brought.with_vectors(side, vector + 1 + rng.normal(size=vector.shape))
            )
            if np.allclose(found, expected, atol=1e-6):
                raise BrokenLawError(
                    f"other vectors of every {side} change nothing: predict must look at batch.vector({side!r}) first"
                )

    _hold(subject, law)


def _hold(subject: Subject, law: Callable[[FittedModel], None]) -> None:
    hold(subject, lambda case: law(model_of(subject, case)))


def _check_rows(model: FittedModel, what: str, dimensions: int) -> None:
    for side in SIDES:
        found = np.asarray(getattr(model.predictor, what)(side))
        n_ids = len(model.catalogue.side(side))
        if found.ndim != dimensions or len(found) != n_ids:
            shape = f"({n_ids},)" if dimensions == 1 else f"({n_ids}, width)"
            raise BrokenLawError(
                f"{what}({side!r}) has the shape {found.shape}; there are {n_ids} {side}s: {shape}"
            )
        if not np.isfinite(found).all():
            raise BrokenLawError(
                f"{what}({side!r}) has {int((~np.isfinite(found)).sum())} numbers that are not finite"
            )


def _with_vectors(model: FittedModel, batch: Batch, sides: tuple[str, ...]) -> Batch:
    """The batch with the vectors of its own ids."""
    for side in sides:
        batch = batch.with_vectors(side, model.vectors(side)[getattr(batch, side)])
    return batch


def _output(model: FittedModel, batch: Batch) -> np.ndarray:
    """The raw output of each pair, or its rating where the model fits itself, shape (n,)."""
    if not isinstance(model.predictor, NetworkPredictor):
        return np.asarray(model.predictor.predict(batch))
    scored: Any = model.predictor.scored
    scored.eval()
    with torch.inference_mode():
        raw: np.ndarray = scored(batch.to("cpu"))[:, 0].double().numpy()
    return raw


def _furthest(found: np.ndarray, expected: np.ndarray) -> int | None:
    """The row that is further off than rounding explains, most of all; None if none is."""
    off = np.abs(np.asarray(found) - expected) / (1 + np.abs(expected))
    worst = int(np.nan_to_num(off, nan=0.0).argmax())
    return worst if off[worst] > 1e-5 else None


def _gives(what: str) -> Callable[[Subject], bool]:
    return lambda subject: what in cast(Model, subject.component).provides


CHECKS = (
    Check(
        "embeddings-have-a-row-for-each-id",
        embeddings_have_a_row_for_each_id,
        applies=_gives("embeddings"),
    ),
    Check(
        "biases-have-a-number-for-each-id",
        biases_have_a_number_for_each_id,
        applies=_gives("biases"),
    ),
    Check("terms-sum-to-the-output", terms_sum_to_the_output, applies=_gives("terms")),
    Check("terms-of-a-pair-are-its-own", terms_of_a_pair_are_its_own, applies=_gives("terms")),
    Check("vectors-stand-in-for-ids", vectors_stand_in_for_ids, applies=_gives("vectors")),
    Check(
        "other-vectors-give-other-answers",
        other_vectors_give_other_answers,
        applies=_gives("vectors"),
    ),
)
