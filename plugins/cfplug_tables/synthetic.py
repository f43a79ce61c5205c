"""Draw ratings from a known low-rank model; SyntheticParams has the equation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from cfplug import Context, Dataset, Scale
from cfplug_tables import SyntheticParams

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

GROUPS = ("students", "workers", "parents", "retired")
GENRES = ("action", "animation", "comedy", "crime", "drama", "horror", "romance", "science")

_BLOCK = 1 << 22
"""Pairs weighted at a time: it bounds the memory for any number of users and items."""


@frozen(eq=False)
class Planted:
    """The model that the ratings are drawn from.

    `user_factors` (n_users, factors), `item_factors` (n_items, factors), `user_bias` (n_users,) and
    `item_bias` (n_items,), and the tables whose metadata they partly follow.
    """

    users: pd.DataFrame
    items: pd.DataFrame
    user_factors: np.ndarray
    item_factors: np.ndarray
    user_bias: np.ndarray
    item_bias: np.ndarray

    def signal(self, user: np.ndarray, item: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
        """Return noiseless ratings, shape (n,), at positions `user` and `item`, each (n,)."""
        low, high = scale
        factors = self.user_factors.shape[1]
        taste: np.ndarray = (self.user_factors[user] * self.item_factors[item]).sum(
            axis=1
        ) / factors**0.5
        parts: np.ndarray = (
            0.4 + 0.35 * self.user_bias[user] + 0.45 * self.item_bias[item] + 0.6 * taste
        )
        return (low + high) / 2 + (high - low) / 4 * parts


def read(params: SyntheticParams, context: Context) -> Dataset:
    """Return the dataset of `params`, drawn with the generator of `context` alone."""
    rng = context.rng
    planted = plant(params, rng)
    user, item = draw_pairs(params, rng)
    ratings = _ratings(params, planted, (user, item), rng)
    return Dataset.build(
        "synthetic",
        ratings,
        planted.users,
        planted.items,
        roles={
            "users": {"age": "number", "group": "category"},
            "items": {"title": "label", "year": "number", "genres": "set"},
        },
        scale=Scale(*params.scale, _levels(params)),
    )


def plant(params: SyntheticParams, rng: np.random.Generator) -> Planted:
    """Draw users and items, with factors and biases explained by metadata in part."""
    users, items = _users(params.users, rng), _items(params.items, rng)
    by_group = rng.standard_normal((len(GROUPS), params.factors))
    by_genre = rng.standard_normal((len(GENRES), params.factors))
    member = _membership(items["genres"])
    groups = users["group"].map(GROUPS.index).to_numpy()

    def mixed(known: np.ndarray) -> np.ndarray:
        share: float = params.metadata
        whole: np.ndarray = share**0.5 * known + (1 - share) ** 0.5 * rng.standard_normal(
            known.shape
        )
        return whole

    return Planted(
        users,
        items,
        mixed(by_group[groups]),
        mixed(member @ by_genre / member.sum(axis=1, keepdims=True) ** 0.5),
        mixed(_standardized(users["age"])),
        mixed(_standardized(items["year"])),
    )


def _users(count: int, rng: np.random.Generator) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    group = rng.choice(len(GROUPS), count, p=(0.2, 0.4, 0.25, 0.15))
    return pd.DataFrame(
        {
            "user": np.arange(1, count + 1),
            "age": rng.integers(16, 80, count),
            "group": [GROUPS[each] for each in group],
        }
    )


def _items(count: int, rng: np.random.Generator) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    year = rng.integers(1960, 2021, count)
    genres = [
        tuple(GENRES[each] for each in sorted(rng.choice(len(GENRES), size, replace=False)))
        for size in rng.integers(1, 4, count)
    ]
    ids = np.arange(1, count + 1)
    title = [
        f"{names[0].capitalize()} {each} ({when})"
        for names, each, when in zip(genres, ids, year, strict=True)
    ]
    return pd.DataFrame({"item": ids, "title": title, "year": year, "genres": genres})


def _membership(genres: pd.Series[Any]) -> np.ndarray:
    """Return which item has which genre: 0 and 1, shape (n_items, n_genres)."""
    import numpy as np

    return np.array([[genre in names for genre in GENRES] for names in genres], dtype=np.float64)


def _standardized(values: pd.Series[Any]) -> np.ndarray:
    import numpy as np

    numbers: np.ndarray = values.to_numpy(dtype=np.float64)
    centred: np.ndarray = numbers - numbers.mean()
    return centred / max(float(numbers.std()), 1.0)


# Pairs, ratings and times


def draw_pairs(params: SyntheticParams, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return positions of users and items of `params.ratings` distinct pairs, each (n,).

    Drawing without replacement with weights w is taking the pairs with the least E / w, for E
    exponential (Efraimidis and Spirakis, 2006), so no draw is rejected.
    """
    import numpy as np

    popularity = _popularity(params.items, params.skew, rng)
    activity = _popularity(params.users, params.skew / 2, rng)
    rows = max(1, _BLOCK // params.items)
    waits, pairs = np.empty(0), np.empty(0, dtype=np.int64)
    for start in range(0, params.users, rows):
        weights = activity[start : start + rows, None] * popularity
        drawn = (rng.standard_exponential(weights.shape) / weights).ravel()
        waits = np.concatenate([waits, drawn])
        pairs = np.concatenate([pairs, np.arange(drawn.size) + start * params.items])
        if len(waits) > params.ratings:
            first = np.argpartition(waits, params.ratings - 1)[: params.ratings]
            waits, pairs = waits[first], pairs[first]
    pairs.sort()
    return pairs // params.items, pairs % params.items


def _popularity(count: int, exponent: float, rng: np.random.Generator) -> np.ndarray:
    """Return weights rank^-exponent, shape (count,), with random ranks and the sum 1."""
    import numpy as np

    weights = (rng.permutation(count) + 1.0) ** -exponent
    return weights / np.sum(weights)  # type: ignore[no-any-return]


def _ratings(
    params: SyntheticParams,
    planted: Planted,
    pairs: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the ratings of the pairs in order of time."""
    import pandas as pd

    user, item = pairs
    signal = planted.signal(user, item, params.scale)
    ratings = pd.DataFrame(
        {
            "user": user + 1,
            "item": item + 1,
            "rating": _observed(signal + params.noise * rng.standard_normal(len(user)), params),
            "time": _times(params, user, rng),
        }
    )
    return ratings.sort_values(["time", "user", "item"], ignore_index=True)


def _observed(values: np.ndarray, params: SyntheticParams) -> np.ndarray:
    """Round `values`, shape (n,), to a level and cut them to the scale."""
    import numpy as np

    low, high = params.scale
    if params.step is not None:
        levels = np.array(_levels(params))
        position = np.rint((values - low) / params.step).clip(0, len(levels) - 1)
        return levels[position.astype(np.int64)]
    return values.clip(low, high)


def _levels(params: SyntheticParams) -> tuple[float, ...]:
    if params.step is None:
        return ()
    low, high = params.scale
    steps = round((high - low) / params.step)
    return tuple(min(high, low + (high - low) * each / steps) for each in range(steps + 1))


def _times(params: SyntheticParams, user: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return times in seconds, shape (n,): a user joins, then rates less and less often."""
    import numpy as np

    span = params.days * 86_400
    joined = span * rng.random(params.users) ** (1 / (1 + params.drift))
    since = (span - joined[user]) * rng.beta(1, 3, len(user))
    seconds = (joined[user] + since).astype(np.int64)
    start = np.datetime64("2020-01-01", "s")
    return start + seconds.astype("timedelta64[s]")  # type: ignore[no-any-return]
