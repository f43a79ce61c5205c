"""A dataset with ratings of a known low rank, to see whether a model learns more than a mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from cfplug.data.dataset import Dataset, Scale
from cfplug.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

GROUPS = ("student", "worker", "retired")
GENRES = ("comedy", "drama", "horror", "sci-fi")

ROLES = {
    "ratings": {"time": "time"},
    "users": {"age": "number", "group": "category"},
    "items": {"title": "label", "year": "number", "genres": "set"},
}


@frozen(eq=False)
class Side:
    """The true values of the users, or of the items, in the order of `table`.

    `factors` has the shape (n, k), `bias` (n,).
    """

    key: str
    table: pd.DataFrame
    factors: np.ndarray
    bias: np.ndarray

    def places(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return the rows in `table` of the ids of `pairs`, shape (n,); DataError for others."""
        import pandas as pd

        places: np.ndarray = pd.Index(self.table[self.key]).get_indexer(pd.Index(pairs[self.key]))
        if (places < 0).any():
            row = int((places < 0).argmax())
            found = pairs[self.key].iloc[row]
            raise DataError(f"expected a known {self.key}, got {found!r}", row=row, column=self.key)
        return places


@frozen(eq=False)
class Planted:
    """A dataset, and the factors and biases of users and items that its ratings come from."""

    dataset: Dataset
    user: Side
    item: Side

    def truth(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return the ratings without noise of a table with columns user and item, shape (n,)."""
        return _truth(self.user, self.item, pairs, self.dataset.scale)


def planted(
    seed: int = 0,
    *,
    users: int = 60,
    items: int = 37,
    ratings: int = 1400,
    factors: int = 2,
    noise: float = 0.3,
    low: float = 1,
    high: float = 5,
    whole: bool = False,
) -> Planted:
    """Return ratings of biases and factors, half of which the metadata explain.

    >>> planted().dataset
    planted: 1,400 ratings, 60 users, 37 items

    With z standard normal, k = `factors` and unit = (high - low) / 4:

        p_u = sqrt(1/2) group_vector[group of u] + sqrt(1/2) z                            (k,)
        q_i = sqrt(1/2) sum of genre_vector[genres of i] / sqrt(number) + sqrt(1/2) z     (k,)
        b_u = sqrt(1/2) standardized age of u + sqrt(1/2) z
        c_i = sqrt(1/2) standardized year of i + sqrt(1/2) z
        truth_ui = (low + high) / 2 + unit (0.35 b_u + 0.35 c_i + 0.6 p_u . q_i / sqrt(k))
        rating_ui = truth_ui + unit noise z

    Both are cut to the scale. The pairs are different, each the likelier the more popular its item,
    in proportion to rank**-0.5. User ids are texts, item ids whole numbers, both unsorted. No two
    ratings have the same time, which says nothing about them.

    Args:
        seed: The same seed gives the same data.
        users: The number of users.
        items: The number of items.
        ratings: The number of ratings.
        factors: The number of factors k.
        noise: The standard deviation of the noise in units of a quarter of the scale.
        low: The lower end of the scale.
        high: The upper end of the scale.
        whole: Round ratings to whole numbers, the levels of the scale.

    Raises:
        DataError: There are fewer pairs than ratings, or the ends of a `whole` scale are not whole.
    """
    import numpy as np

    if not 1 <= ratings <= users * items:
        pairs = f"the {users * items} pairs of {users} users and {items} items"
        raise DataError(f"ratings: expected 1 to {pairs}, got {ratings}")
    scale = Scale(low, high, _levels(low, high) if whole else ())
    rng = np.random.default_rng(seed)
    user, item = _users(users, factors, rng), _items(items, factors, rng)
    table = _pairs(user, item, ratings, rng)
    deviation = (high - low) / 4 * noise
    rating = _truth(user, item, table, scale) + deviation * rng.standard_normal(ratings)
    rating = np.clip(rating.round() if whole else rating, low, high)
    table = table.assign(rating=rating, time=_times(ratings, rng))
    dataset = Dataset.build("planted", table, user.table, item.table, roles=ROLES, scale=scale)
    return Planted(dataset, user, item)


def _levels(low: float, high: float) -> tuple[float, ...]:
    if low != round(low) or high != round(high):
        raise DataError(f"whole: expected a scale with whole ends, got {low:g} to {high:g}")
    return tuple(float(level) for level in range(round(low), round(high) + 1))


def _users(n: int, factors: int, rng: np.random.Generator) -> Side:
    import pandas as pd

    group, age = rng.integers(len(GROUPS), size=n), rng.integers(18, 80, size=n)
    names = [f"u{place}" for place in rng.permutation(n)]
    groups = [GROUPS[each] for each in group]
    ids = pd.Series(names, dtype=object)
    table = pd.DataFrame({"user": ids, "age": age, "group": groups})
    known = rng.standard_normal((len(GROUPS), factors))[group]
    return Side("user", table, _half(known, rng), _half(_standardized(age), rng))


def _items(n: int, factors: int, rng: np.random.Generator) -> Side:
    import numpy as np
    import pandas as pd

    member, year = rng.random((n, len(GENRES))) < 0.4, rng.integers(1950, 2020, size=n)
    member[np.arange(n), rng.integers(len(GENRES), size=n)] = True
    genres = [tuple(name for name, has in zip(GENRES, row, strict=True) if has) for row in member]
    ids = 10 + 3 * rng.permutation(n)
    table = pd.DataFrame({"item": ids, "title": [f"Film {each}" for each in ids], "year": year})
    vectors = rng.standard_normal((len(GENRES), factors))
    known = member @ vectors / member.sum(axis=1, keepdims=True) ** 0.5
    table = table.assign(genres=pd.Series(genres, dtype=object))
    return Side("item", table, _half(known, rng), _half(_standardized(year), rng))


def _half(known: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mix what the metadata explain with what they do not, in equal parts."""
    mixed: np.ndarray = 0.5**0.5 * (known + rng.standard_normal(known.shape))
    return mixed


def _standardized(values: np.ndarray) -> np.ndarray:
    deviation: float = values.std()
    centred: np.ndarray = values - values.mean()
    return centred / deviation if deviation > 0 else centred


def _pairs(user: Side, item: Side, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw `n` different pairs in any order, by the Gumbel trick (Yellott, 1977)."""
    import numpy as np
    import pandas as pd

    rank = 1 + rng.permutation(len(item.table))
    keys = -0.5 * np.log(rank) + rng.gumbel(size=(len(user.table), len(item.table)))
    cells = rng.permutation(np.argsort(-keys, axis=None)[:n])
    rows, columns = np.divmod(cells, len(item.table))
    users, items = user.table["user"].to_numpy()[rows], item.table["item"].to_numpy()[columns]
    return pd.DataFrame({"user": users, "item": items})


def _times(n: int, rng: np.random.Generator) -> Any:
    """Draw `n` different times within two years."""
    import pandas as pd

    hours = rng.permutation(max(n, 2 * 365 * 24))[:n]
    return pd.Timestamp("1998-01-01") + pd.to_timedelta(hours, unit="h")


def _truth(user: Side, item: Side, pairs: pd.DataFrame, scale: Scale) -> np.ndarray:
    u, i = user.places(pairs), item.places(pairs)
    taste = (user.factors[u] * item.factors[i]).sum(axis=1) / user.factors.shape[1] ** 0.5
    parts = 0.35 * user.bias[u] + 0.35 * item.bias[i] + 0.6 * taste
    rating: np.ndarray = (scale.low + scale.high) / 2 + (scale.high - scale.low) / 4 * parts
    return rating.clip(scale.low, scale.high)
