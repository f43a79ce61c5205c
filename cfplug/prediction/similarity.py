"""Find the ids whose factors are like those of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cfplug.data.vocabulary import Side
from cfplug.errors import DataError, UnknownIdError, did_you_mean
from cfplug.prediction.explanation import titled

if TYPE_CHECKING:
    from cfplug.prediction.fitted_model import FittedModel

COSINE, EUCLIDEAN = "cosine", "euclidean"


def cosine(vectors: np.ndarray, code: int) -> np.ndarray:
    """Return <x, y> / (|x| |y|) of each row x and row `code`; zero where x or y is zero.

    The sum runs along each row alone, so the same pair gives the same bits whichever of the two is
    asked about and wherever they are.

    Args:
        vectors: Shape (n, factors).
        code: The row of `vectors` with which all rows are compared.

    Returns:
        Shape (n,), from -1 to 1.
    """
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    zeros = np.zeros_like(vectors, dtype=np.float64)
    units = np.divide(vectors, length, out=zeros, where=length > 0)
    similarity: np.ndarray = (units * units[code]).sum(axis=1).clip(-1, 1)
    return similarity


def euclidean(vectors: np.ndarray, code: int) -> np.ndarray:
    """Return the distance |x - y| of each row x to row `code`, shape (n,)."""
    distance: np.ndarray = np.sqrt(((vectors - vectors[code]) ** 2).sum(axis=1))
    return distance


MEASURES: Mapping[str, tuple[Callable[[np.ndarray, int], np.ndarray], str, int]] = {
    COSINE: (cosine, "similarity", -1),
    EUCLIDEAN: (euclidean, "distance", 1),
}
"""Each measure: its function, the name of its column, and 1 where less is nearer, else -1."""


def column_of(measure: str) -> str:
    """Return the name of the column of a measure; DataError for an unknown measure."""
    if measure not in MEASURES:
        guess = did_you_mean(measure, MEASURES)
        raise DataError(f"no measure called {measure!r}{guess} ({', '.join(MEASURES)})")
    return MEASURES[measure][1]


def nearest(
    vectors: np.ndarray, code: int, among: np.ndarray, measure: str, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest rows to row `code`, best first; fewer than `n` where fewer are left.

    Of equally near ones the first in `among` is first. `code` itself is left out.

    Args:
        vectors: Shape (n_ids, factors).
        code: The row with which the others are compared.
        among: The codes that are compared.
        measure: A key of MEASURES.
        n: How many rows to return.

    Returns:
        The codes, and the measure of each, both of shape (n,).
    """
    function, _, sign = MEASURES[measure]
    others = among[among != code]
    values = function(np.concatenate([vectors[[code]], vectors[others]]), 0)[1:]
    best = np.argsort(sign * values, kind="stable")[:n]
    return others[best], values[best]


def similar(
    model: FittedModel,
    name: object,
    n: int = 10,
    *,
    side: Side = "item",
    measure: str = COSINE,
    most_rated: int | None = None,
) -> pd.DataFrame:
    """Return the `n` ids whose factors are most similar to those of `name`, best first.

    Args:
        name: An id, a label, or a part of exactly one label.
        n: How many ids to return.
        side: "user" or "item".
        measure: "cosine" or "euclidean".
        most_rated: Compare only this many ids with the most training ratings; all if None.

    Returns:
        The columns rank, item (or user), label, similarity (or distance), and ratings: how
        many of them training saw.

    Raises:
        DataError: No id or label matches `name`.
        UnknownIdError: Training never saw the id.
    """
    column = column_of(measure)
    vectors = model.capability("embeddings")(side)
    if n < 1:
        raise DataError(f"asked for {n} {side}s; ask for at least one")
    vocabulary, count = model.catalogue.side(side), model.support.count[side]
    most = np.argsort(-count, kind="stable")[:most_rated]
    among = np.sort(most[count[most] > 0])
    codes, values = nearest(vectors, trained_code(model, side, name), among, measure, n)
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(codes) + 1),
            side: pd.Series(vocabulary.decode(codes), dtype=object),
            "label": pd.Series([vocabulary.label(code) for code in codes], dtype=object),
            column: values,
            "ratings": count[codes],
        }
    )


def rated(model: FittedModel, user: object, *, like: object = None) -> pd.DataFrame:
    """Return every rating of `user` that the run knows, of all parts of the split.

    Args:
        user: An id; there are no ratings of an unknown one.
        like: An item's id or label; then only the ratings of other items that training saw,
            the most similar first, with the column similarity.

    Returns:
        The columns item, label and rating.
    """
    catalogue = model.catalogue
    code = int(catalogue.user.encode([user])[0])
    items = catalogue.rated_by(code)
    labels = [catalogue.item.label(item) for item in items]
    rating = catalogue.ratings_by(code).astype(float)
    ratings = pd.DataFrame(
        {
            "item": pd.Series(catalogue.item.decode(items), dtype=object),
            "label": pd.Series(labels, dtype=object),
            "rating": rating.round(6),  # 3.3 in single precision is not 3.3
        }
    )
    if like is None:
        return ratings
    neighbors = similar(model, like, len(catalogue.item))
    found = neighbors[["item", "similarity"]].merge(ratings, on="item")
    return found[[*ratings.columns, "similarity"]]


def trained_code(model: FittedModel, side: Side, name: object) -> int:
    """Return the code of an id or label; UnknownIdError if training never saw it."""
    vocabulary = model.catalogue.side(side)
    code = vocabulary.find(name)
    if model.support.count[side][code] == 0:
        title = titled(side, vocabulary.ids[code], vocabulary.label(code))
        raise UnknownIdError(
            f"training saw no rating of {title}, so {model.name} has learned nothing of it"
        )
    return code
