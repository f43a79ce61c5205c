"""Changes of a dataset that laws are about: other names, another order of rows, other ratings."""

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
        """A table with the columns user and item under the new names; an id that the dataset lacks keeps its own."""
        return table.assign(
            **{side: _mapped(table[side], self.names[side]) for side in SIDES if side in table}
        )


@frozen(eq=False)
class Reordered:
    """A dataset whose row `place` of the ratings is row `order[place]` of the one before."""

    dataset: Dataset
    order: np.ndarray

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """Where the rows of the dataset before are now."""
        import numpy as np

        places: np.ndarray = np.argsort(self.order)[rows]
        return places

    def split(self, split: Split) -> Split:
        """The same ratings in the same parts."""
        test, support = (
            None if part is None else self.rows(part) for part in (split.test, split.support)
        )
        return Split(self.rows(split.train), self.rows(split.valid), test, support)


def renamed(
    dataset: Dataset, seed: int = 0, *, names: Mapping[Side, Mapping[Id, Id]] | None = None
) -> Renamed:
    """Every id gets another name; the order of all rows, the roles, the scale and the folds stay.

    >>> renamed(dataset).names["user"]
    {'a': 17, 'b': 4}

    The names come from `seed`: those of the same side, each given to another id, or new numbers,
    texts, or both, in such an order that who sorts by them gets another one. Or `names` says them,
    for every id of both sides."""
    import numpy as np

    rng = np.random.default_rng(seed)
    found = names or {
        side: _new_names(dataset.tables()[f"{side}s"][side].tolist(), rng) for side in SIDES
    }
    tables = dict(dataset.tables())
    for side in SIDES:
        for name in ("ratings", f"{side}s"):
            tables[name] = tables[name].assign(**{side: _mapped(tables[name][side], found[side])})
    return Renamed(_rebuilt(dataset, tables), found)


def _new_names(ids: Sequence[Id], rng: np.random.Generator) -> dict[Id, Id]:
    order: list[Id] = [ids[place] for place in rng.permutation(len(ids))]
    if len(ids) > 1 and rng.random() < 0.4:
        return dict(zip(order, [*order[1:], order[0]], strict=True))
    kind, numbers = (
        rng.choice(["whole", "text", "mixed"]),
        rng.permutation(7 * len(ids) + 7) + 1_000_000,
    )
    fresh: dict[Id, Id] = {}
    for place, old in enumerate(order):
        number = int(numbers[place])
        new = f"n°{number}" if kind == "text" or (kind == "mixed" and place % 2) else -number
        fresh[old] = f"{new}'" if new == old else new
    return fresh


def _mapped(column: pd.Series[Id], names: Mapping[Id, Id]) -> pd.Series[Id]:
    import pandas as pd

    return pd.Series(
        [names.get(each, each) for each in column.tolist()], index=column.index, dtype=object
    )


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
    """The rows of the ratings in another order; users, items and their order stay, and the folds hold the same ratings.

    >>> reordered(dataset).order
    array([2, 0, 1])
    """
    import numpy as np

    n = len(dataset.ratings)
    order = np.random.default_rng(seed).permutation(n)
    if n > 1 and (order == np.arange(n)).all():
        order = np.roll(order, 1)
    plain = Reordered(
        attrs.evolve(dataset, ratings=dataset.ratings.iloc[order].reset_index(drop=True)), order
    )
    folds = {name: plain.split(fold) for name, fold in dataset.folds.items()}
    return Reordered(attrs.evolve(plain.dataset, folds=folds), order)


def with_ratings(dataset: Dataset, rows: np.ndarray, values: np.ndarray | None = None) -> Dataset:
    """The same dataset where the ratings of `rows`, row numbers of shape (n,), are `values`, numbers of shape (n,).

    >>> with_ratings(dataset, split.test).ratings["rating"].tolist()
    [3.0, 5.0, 1.0]

    Without `values` each of them gets another rating of the scale: the next level, or a number 0.37
    of the scale farther, beyond whose end the lower one follows. DataError where a value is off the
    scale, or there is one only."""
    rating = dataset.ratings["rating"].to_numpy(copy=True)
    rating[rows] = _others(dataset, rating[rows]) if values is None else values
    return _rebuilt(dataset, {**dataset.tables(), "ratings": dataset.ratings.assign(rating=rating)})


def _others(dataset: Dataset, rating: np.ndarray) -> np.ndarray:
    import numpy as np

    low, high, levels = dataset.scale.low, dataset.scale.high, np.array(dataset.scale.levels)
    if low == high:
        raise DataError(
            "the scale has one rating only; there is no other", table="ratings", column="rating"
        )
    if len(levels):
        others: np.ndarray = levels[(np.searchsorted(levels, rating) + 1) % len(levels)]
        return others
    return low + (rating - low + 0.37 * (high - low)) % (high - low)
