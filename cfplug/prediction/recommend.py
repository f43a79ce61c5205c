"""Rank items for users: recommendations with labels, and the lists that metrics measure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cfplug.data.batch import Batch
from cfplug.data.vocabulary import UNKNOWN
from cfplug.errors import DataError, did_you_mean
from cfplug.prediction.newcomers import Newcomers

if TYPE_CHECKING:
    from cfplug.prediction.fitted_model import FittedModel

PAIRS = 200_000
"""Pairs that are predicted at once where lists are made."""


def recommend(
    model: FittedModel,
    user: object,
    n: int = 10,
    *,
    exclude_seen: bool = True,
    context: Mapping[str, object] | None = None,
    newcomers: Newcomers | None = None,
) -> pd.DataFrame:
    """Return the `n` items with the highest predictions; the first in the catalogue at ties.

    Args:
        user: An id.
        n: How many items to return.
        exclude_seen: Whether to leave out items that the user has rated.
        context: The columns of the rating that the model looks at; the time is that of the
            latest training rating where it is not given.
        newcomers: What is known of a new user.

    Returns:
        The columns rank, item, label, prediction and origin.

    Raises:
        DataError: Fewer than `n` items are left, or a column is missing.
    """
    if isinstance(user, np.generic):
        user = user.item()
    items = _candidates(model, user, exclude_seen, newcomers)
    if not 1 <= n <= len(items):
        raise DataError(f"asked for {n} items; {len(items)} can be recommended to user {user!r}")
    catalogue = model.catalogue.item
    ids = pd.Series(catalogue.decode(items), dtype=object)
    pairs = pd.DataFrame({"user": pd.Series([user] * len(ids), dtype=object), "item": ids})
    predictions = model.answer(with_context(model, pairs, context or {}), newcomers=newcomers)
    best = np.argsort(-predictions.rating, kind="stable")[:n]
    return pd.DataFrame(
        {
            "rank": np.arange(1, n + 1),
            "item": ids.iloc[best].tolist(),
            "label": [catalogue.label(code) for code in items[best]],
            "prediction": predictions.rating[best],
            "origin": predictions.origin[best],
        }
    )


def _candidates(
    model: FittedModel, user: object, exclude_seen: bool, newcomers: Newcomers | None
) -> np.ndarray:
    """Return the codes of the items that may be recommended, rising."""
    code = int(model.catalogue.user.encode([user])[0])
    wanted = np.ones(len(model.catalogue.item), dtype=bool)
    if model.policy is None:
        wanted &= model.support.count["item"] > 0
    if exclude_seen and code != UNKNOWN:
        wanted[model.catalogue.rated_by(code)] = False
    if exclude_seen and newcomers is not None:
        rated = model.catalogue.item.encode(newcomers.rated_by(user))
        wanted[rated[rated != UNKNOWN]] = False
    return np.flatnonzero(wanted)


def top(model: FittedModel, users: np.ndarray, rated: Batch, k: int) -> np.ndarray:
    """Return the codes of the best items for each of m users, among those that training saw.

    Args:
        users: Codes, shape (m,).
        rated: Pairs that are left out.
        k: How many items to return for each user.

    Returns:
        Codes of shape (m, k), best first; a row ends with UNKNOWN where fewer are left.
    """
    items = np.flatnonzero(model.support.count["item"] > 0)
    item_ids = model.catalogue.item.decode(items)
    lists = np.full((len(users), k), UNKNOWN, dtype=np.int64)
    seen = pd.Series(rated.item).groupby(pd.Series(rated.user)).agg(list)
    per_chunk = max(1, PAIRS // len(items))
    for start in range(0, len(users), per_chunk):
        chunk = users[start : start + per_chunk]
        user_ids = pd.Series(model.catalogue.user.decode(chunk.repeat(len(items))))
        pairs = pd.DataFrame({"user": user_ids, "item": item_ids * len(chunk)})
        predictions = model.answer(with_context(model, pairs, {}))
        rating = predictions.rating.reshape(len(chunk), len(items))
        for row, user in enumerate(chunk):
            left = ~np.isin(items, seen.get(user, []))
            best = np.argsort(-rating[row, left], kind="stable")[:k]
            lists[start + row, : len(best)] = items[left][best]
    return lists


def with_context(
    model: FittedModel, pairs: pd.DataFrame, context: Mapping[str, object]
) -> pd.DataFrame:
    """Return `pairs` with a column for each entry of `context`, and for the time that is needed.

    Where the model needs a time and `context` has none, it is that of the latest training rating.
    Raises DataError for a column that the model does not look at.
    """
    needs = model.context_columns
    for name in context:
        if name not in needs:
            there = ", ".join(needs) or "no column of the rating"
            guess = did_you_mean(name, needs)
            raise DataError(f"context: {model.name} looks at {there}; is given {name}{guess}")
    values = dict(context)
    if model.features is not None and "time" in needs:
        latest = np.datetime64(int(model.features.now or 0), "s")
        values["time"] = _timestamp(values.get("time", latest))
    columns = {
        name: pd.Series([value] * len(pairs), index=pairs.index) for name, value in values.items()
    }
    return pairs.assign(**columns)


def _timestamp(value: object) -> pd.Timestamp:
    """Return a time given as text or a date; DataError for others: a number has no unit."""
    try:
        if isinstance(value, bool | int | float | np.number):
            raise TypeError
        timestamp = pd.to_datetime(value)  # type: ignore[call-overload]
        if not isinstance(timestamp, pd.Timestamp):
            raise TypeError
        return timestamp
    except (TypeError, ValueError):
        raise DataError(
            f"context: time must be a time, such as '2001-02-03 04:05'; is {value!r}"
        ) from None
