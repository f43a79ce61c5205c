"""Checks of what a model provides besides ratings: embeddings, biases, terms and vectors."""

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
from cfplug.testing.check import Check, CheckError, Subject
from cfplug.testing.compare import check_ratings
from cfplug.testing.fixtures.models import check_cases, known_pairs, model_of


def embeddings_have_a_row_for_each_id(subject: Subject) -> None:
    """Return finite embeddings of shape (n_ids, factors) for each side."""
    _check_models(subject, lambda model: _check_rows(model, "embeddings", 2))


def biases_have_a_number_for_each_id(subject: Subject) -> None:
    """Return finite biases of shape (n_ids,) for each side."""
    _check_models(subject, lambda model: _check_rows(model, "biases", 1))


def terms_sum_to_the_output(subject: Subject) -> None:
    """Return terms of shape (n,) that sum to a pair's raw output, or to the rating of `predict`."""

    def check(model: FittedModel) -> None:
        pairs = known_pairs(model)
        batch = model.encoded(pairs)
        terms = model.predictor.terms(batch)
        for name, term in terms.items():
            if np.shape(term) != (len(pairs),):
                raise CheckError(
                    f"term {name!r}: expected the shape ({len(pairs)},), got {np.shape(term)}"
                )
        total = np.sum(list(terms.values()), axis=0)
        check_ratings(pairs, _output(model, batch), total, "sum of the terms")

    _check_models(subject, check)


def terms_do_not_depend_on_other_pairs(subject: Subject) -> None:
    """Return the same terms of a pair whichever other pairs are asked about."""

    def check(model: FittedModel) -> None:
        pairs = known_pairs(model)
        batch, rows = model.encoded(pairs), np.arange(0, len(pairs), 3)
        whole, some = model.predictor.terms(batch), model.predictor.terms(batch[rows])
        place = f"terms of {len(rows)} instead of {len(pairs)} pairs"
        if list(whole) != list(some):
            raise CheckError(f"{place}: expected {', '.join(whole)}, got {', '.join(some)}")
        for name, term in some.items():
            expected = np.asarray(whole[name])[rows]
            check_ratings(pairs.iloc[rows], expected, np.asarray(term), f"{place}, {name!r}")

    _check_models(subject, check)


def vectors_can_replace_ids(subject: Subject) -> None:
    """Return a vector for each id that gives the same predictions in the place of the id."""

    def check(model: FittedModel) -> None:
        _check_rows(model, "vectors", 2)
        pairs = known_pairs(model)
        batch = model.encoded(pairs)
        expected = model.predictor.predict(batch)
        for sides in (("user",), ("item",), SIDES):
            found = model.predictor.predict(_with_vectors(model, batch, sides))
            place = f"predict with the vectors of {' and '.join(sides)}"
            advice = "`vectors` must have all that was learned of an id."
            check_ratings(pairs, expected, found, place, advice)

    _check_models(subject, check)


def other_vectors_give_other_answers(subject: Subject) -> None:
    """Use the vectors of a batch: with other vectors the predictions change."""

    def check(model: FittedModel) -> None:
        batch, rng = model.encoded(known_pairs(model)), np.random.default_rng(0)
        expected = model.predictor.predict(batch)
        for side in SIDES:
            with_own = _with_vectors(model, batch, (side,))
            vector = np.asarray(with_own.vector(side))
            other = vector + 1 + rng.normal(size=vector.shape)
            found = model.predictor.predict(with_own.with_vectors(side, other))
            if np.allclose(found, expected, atol=1e-6):
                raise CheckError(
                    f"predict with other vectors of every {side}: expected other ratings, got the "
                    f"same. Look at batch.vector({side!r}) first."
                )

    _check_models(subject, check)


def _check_models(subject: Subject, check: Callable[[FittedModel], None]) -> None:
    check_cases(subject, lambda case: check(model_of(subject, case)))


def _check_rows(model: FittedModel, what: str, dimensions: int) -> None:
    for side in SIDES:
        found = np.asarray(getattr(model.predictor, what)(side))
        n_ids = len(model.catalogue.side(side))
        if found.ndim != dimensions or len(found) != n_ids:
            expected = f"({n_ids},)" if dimensions == 1 else f"({n_ids}, width)"
            raise CheckError(
                f"{what}({side!r}): expected the shape {expected}, a row for each id, "
                f"got {found.shape}"
            )
        wrong = int((~np.isfinite(found)).sum())
        if wrong:
            raise CheckError(
                f"{what}({side!r}): expected finite numbers, got {wrong} that are not finite"
            )


def _with_vectors(model: FittedModel, batch: Batch, sides: tuple[str, ...]) -> Batch:
    """Return the batch with the vectors of its own ids."""
    for side in sides:
        batch = batch.with_vectors(side, model.vectors(side)[getattr(batch, side)])
    return batch


def _output(model: FittedModel, batch: Batch) -> np.ndarray:
    """Return the raw output of each pair, or its rating where the model fits itself, shape (n,)."""
    if not isinstance(model.predictor, NetworkPredictor):
        return np.asarray(model.predictor.predict(batch))
    scored: Any = model.predictor.scored
    scored.eval()
    with torch.inference_mode():
        raw: np.ndarray = scored(batch.to("cpu"))[:, 0].double().numpy()
    return raw


def _provides(what: str) -> Callable[[Subject], bool]:
    return lambda subject: what in cast(Model, subject.component).provides


CHECKS = (
    Check(embeddings_have_a_row_for_each_id, _provides("embeddings")),
    Check(biases_have_a_number_for_each_id, _provides("biases")),
    Check(terms_sum_to_the_output, _provides("terms")),
    Check(terms_do_not_depend_on_other_pairs, _provides("terms")),
    Check(vectors_can_replace_ids, _provides("vectors")),
    Check(other_vectors_give_other_answers, _provides("vectors")),
)
