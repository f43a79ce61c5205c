"""Explain one prediction of a fitted model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cfplug.data.batch import Batch
from cfplug.data.vocabulary import SIDES
from cfplug.prediction.attribution import DRAWS, by_swaps, by_terms
from cfplug.prediction.explanation import Explanation, titled
from cfplug.prediction.recommend import with_context
from cfplug.prediction.similarity import trained_code

if TYPE_CHECKING:
    from cfplug.prediction.fitted_model import FittedModel


def explain(
    model: FittedModel,
    user: object,
    item: object,
    *,
    context: Mapping[str, object] | None = None,
    seed: int = 0,
) -> Explanation:
    """Return the parts of which the prediction for one pair is the sum.

    They are exact for a model that provides terms. For others they are estimated from
    predictions in which one input after the other is that of another rated pair.

    Args:
        user: An id or a label.
        item: An id or a label.
        context: As in `recommend`.
        seed: Draws the other pairs.

    Raises:
        DataError: No id or label matches a name.
        UnknownIdError: Training never saw an id.
    """
    ids, titles = {}, {}
    for side, name in (("user", user), ("item", item)):
        code = trained_code(model, side, name)
        vocabulary = model.catalogue.side(side)
        ids[side] = vocabulary.ids[code]
        titles[side] = titled(side, ids[side], vocabulary.label(code))
    pair = pd.DataFrame({side: [id_] for side, id_ in ids.items()})
    pair = with_context(model, pair, context or {})
    asked = model.encoded(pair)
    if "terms" in model.provides:
        reasons = by_terms(model.predictor, asked, model.catalogue, model.features)
    else:
        rng = np.random.default_rng(seed)
        reasons = by_swaps(model, asked, background(model, pair, rng), rng)
    prediction = float(model.answer(pair).rating[0])
    labels = (titles["user"], titles["item"])
    return Explanation(model.name, ids["user"], ids["item"], labels, prediction, reasons)


def background(model: FittedModel, asked: pd.DataFrame, rng: np.random.Generator) -> Batch:
    """Return DRAWS rated pairs whose ids training saw, drawn with equal chances from all parts.

    Each has the time and context of its own rating while the data is in memory, else those of
    `asked`.
    """
    user, item = model.catalogue.rated_user, model.catalogue.rated_item
    warm = model.support.trained("user", user) & model.support.trained("item", item)
    drawn = rng.choice(np.flatnonzero(warm), DRAWS)
    needs = model.context_columns
    codes = Batch(user[drawn].astype(np.int64), item[drawn].astype(np.int64))
    if not needs:
        return codes
    ids = {side: model.catalogue.side(side).decode(getattr(codes, side)) for side in SIDES}
    pairs = pd.DataFrame({side: pd.Series(values) for side, values in ids.items()})
    if not model.has_evidence:
        same = {name: asked[name].iloc[[0] * DRAWS].to_numpy() for name in needs}
        return model.encoded(pairs.assign(**same))
    ratings = model.evidence.dataset.ratings
    there = ratings.loc[ratings["user"].isin(pairs["user"]), [*SIDES, *needs]]
    return model.encoded(pairs.merge(there, on=[*SIDES], how="left"))
