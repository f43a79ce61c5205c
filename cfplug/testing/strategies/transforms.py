"""Changes of a dataset that must or must not matter: other ids, row order or ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import attrs
from attrs import frozen

from cfplug.data.dataset import Dataset, Split
from cfplug.errors import DataError
from cfplug.testing.strategies.ids import Id

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Side = Literal["user", "item"]
SIDES: tuple[Side, Side] = ("user", "item")


@frozen(eq=False)
class Renamed:
    """A dataset in which every id has another name, and the new name of each, by side."""

    dataset: Dataset
    names: Mapping[Side, Mapping[Id, Id]]

    def pairs(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table with columns user and item under the new names; unknown ids stay."""
        sides = [side for side in SIDES if side in table]
        return table.assign(**{side: _mapped(table[side], self.names[side]) for side in sides})


@frozen(eq=False)
class Reordered:
    """A dataset whose row `place` of the ratings is row `order[place]` of the original one."""

    dataset: Dataset
    order: np.ndarray

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the places of rows of the original dataset, shape (n,)."""
        import numpy as np

        places: np.ndarray = np.argsort(self.order)[rows]
        return places

    def split(self, split: Split) -> Split:
        """Return the split with the same ratings in the same parts."""
        test = None if split.test is None else self.rows(split.test)
        support = None if split.support is None else self.rows(split.support)
        return Split(self.rows(split.train), self.rows(split.valid), test, support)


def renamed(
    dataset: Dataset, seed: int = 0, *, names: Mapping[Side, Mapping[Id, Id]] | None = None
) -> Renamed:
    """Give every id another name; the order of rows, roles, scale and folds stay.

    >>> renamed(dataset).names["user"]
    {'a': 17, 'b': 4}

    Args:
        dataset: The dataset, which is not changed.
        seed: Determines the new names: the old ones of other ids, or new numbers, texts or both,
            which sort in another order.
        names: The new names of all ids by side, instead of names from `seed`.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    tables = dict(dataset.tables())
    if names is None:
        names = {side: _new_names(tables[f"{side}s"][side].tolist(), rng) for side in SIDES}
    for side in SIDES:
        for name in ("ratings", f"{side}s"):
            tables[name] = tables[name].assign(**{side: _mapped(tables[name][side], names[side])})
    return Renamed(_rebuilt(dataset, tables), names)


def _new_names(ids: Sequence[Id], rng: np.random.Generator) -> dict[Id, Id]:
    order: list[Id] = [ids[place] for place in rng.permutation(len(ids))]
    if len(ids) > 1 and rng.random() < 0.4:
        return dict(zip(order, [*order[1:], order[0]], strict=True))
    kind = rng.choice(["whole", "text", "mixed"])
    numbers = rng.permutation(7 * len(ids) + 7) + 1_000_000
    found: dict[Id, Id] = {}
    for place, old in enumerate(order):
        number = int(numbers[place])
        is_text = kind == "text" or (kind == "mixed" and place % 2 == 1)
        new = f"n°{number}" if is_text else -number
        found[old] = f"{new}'" if new == old else new
    return found


def _mapped(column: pd.Series[Id], names: Mapping[Id, Id]) -> pd.Series[Id]:
    import pandas as pd

    values = [names.get(each, each) for each in column.tolist()]
    return pd.Series(values, index=column.index, dtype=object)


def _rebuilt(dataset: Dataset, tables: Mapping[str, pd.DataFrame]) -> Dataset:
    return Dataset.build(
        dataset.name,
        **tables,
        roles=dataset.roles,
        scale=dataset.scale,
        folds=dataset.folds,
        notes=dataset.notes,
    )


def reordered(dataset: Dataset, seed: int = 0) -> Reordered:
    """Put the rows of the ratings in another order; folds keep their ratings, all else stays.

    >>> reordered(dataset).order
    array([2, 0, 1])

    Args:
        dataset: The dataset, which is not changed.
        seed: Determines the order, which differs from the original one if there are two rows.
    """
    import numpy as np

    n = len(dataset.ratings)
    order = np.random.default_rng(seed).permutation(n)
    if n > 1 and (order == np.arange(n)).all():
        order = np.roll(order, 1)
    ratings = dataset.ratings.iloc[order].reset_index(drop=True)
    found = Reordered(attrs.evolve(dataset, ratings=ratings), order)
    folds = {name: found.split(fold) for name, fold in dataset.folds.items()}
    return Reordered(attrs.evolve(found.dataset, folds=folds), order)


def with_ratings(dataset: Dataset, rows: np.ndarray, values: np.ndarray | None = None) -> Dataset:
    """Give some rows other ratings.

    >>> with_ratings(dataset, split.test).ratings["rating"].tolist()
    [3.0, 5.0, 1.0]

    Args:
        dataset: The dataset, which is not changed.
        rows: Row numbers of shape (n,).
        values: The new ratings of shape (n,); by default the next level of the scale, or a number
            that is farther by 0.37 of the scale, counted on from the lower end.

    Raises:
        DataError: A value is off the scale, or the scale has only one rating.
    """
    rating = dataset.ratings["rating"].to_numpy(copy=True)
    rating[rows] = _others(dataset, rating[rows]) if values is None else values
    return _rebuilt(dataset, {**dataset.tables(), "ratings": dataset.ratings.assign(rating=rating)})


def _others(dataset: Dataset, rating: np.ndarray) -> np.ndarray:
    import numpy as np

    low, high, levels = dataset.scale.low, dataset.scale.high, np.array(dataset.scale.levels)
    if low == high:
        raise DataError(
            "expected a scale with two ratings, got one", table="ratings", column="rating"
        )
    if len(levels):
        others: np.ndarray = levels[(np.searchsorted(levels, rating) + 1) % len(levels)]
        return others
    return low + (rating - low + 0.37 * (high - low)) % (high - low)
