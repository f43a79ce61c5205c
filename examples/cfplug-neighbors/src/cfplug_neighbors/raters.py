"""Predict for new users and items from the model's predictions for similar known ones.

For a new user u with some ratings, the set N of the most similar known users, and the model's
predictions r^,

    r_ui = b_ui + sum_{v in N} s_uv (r^_vi - b_vi) / (sum_{v in N} s_uv + damping)

So a neighbour who did not rate the item counts too, and any model will do. Without ratings there
are no neighbours, and b_ui is the item's damped mean. New items use known items in the same manner;
for a new user and a new item only the baseline is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import frozen

import cfplug
from cfplug_neighbors.baseline import Baseline, damped_means
from cfplug_neighbors.similarity import Profiles, Rule, similarities
from cfplug_neighbors.voting import shares, spans

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from cfplug import Batch, Context, FittedModel, Newcomers
    from cfplug_neighbors import NearestRaters

SIDES = ("user", "item")
KEPT = 1000
"""Candidates for the neighbours of each new id."""


@frozen(eq=False)
class Known:
    """The baseline of training, and the residuals of both sides, a row for each id."""

    baseline: Baseline
    profiles: Mapping[str, Profiles]

    @classmethod
    def of(cls, fitted: FittedModel, params: NearestRaters) -> Known:
        """Compute it once for each model."""
        damping = params.user_damping, params.item_damping
        found: Known = fitted.once(
            ("cfplug-neighbors known", *damping), lambda: cls._learned(fitted, *damping)
        )
        return found

    @classmethod
    def _learned(cls, fitted: FittedModel, user_damping: float, item_damping: float) -> Known:
        baseline = Baseline.of(fitted.train, user_damping, item_damping)
        rests = baseline.rests(fitted.train)
        return cls(baseline, {"user": Profiles(rests), "item": Profiles(rests.T.tocsr())})


@frozen(eq=False)
class Introduced:
    """The n new ids of one side: offsets (n,), and weights of known ids (n, n_known)."""

    offset: np.ndarray
    say: csr_array


@frozen(eq=False)
class ByNeighbors:
    """A predictor for pairs with a new id."""

    fitted: FittedModel
    newcomers: Newcomers
    baseline: Baseline
    introduced: Mapping[str, Introduced]
    damping: float

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return ratings of shape (n,)."""
        codes = self.fitted.encoded(pairs)
        rating: np.ndarray = (
            self.baseline.mean
            + self._offsets("user", pairs, codes)
            + self._offsets("item", pairs, codes)
        )
        for side in SIDES:
            rows, places = self._answered(side, pairs, codes)
            rating[rows] += self._moved(side, codes[rows], places)
        return rating

    def origins(self, pairs: pd.DataFrame) -> np.ndarray:
        """Return `neighbors` where the new id has some, else `mean`; shape (n,)."""
        origin, codes = np.full(len(pairs), "mean", dtype=object), self.fitted.encoded(pairs)
        for side in SIDES:
            origin[self._answered(side, pairs, codes)[0]] = "neighbors"
        return origin

    def _offsets(self, side: str, pairs: pd.DataFrame, codes: Batch) -> np.ndarray:
        """Return b_u or b_i of each pair, shape (n,)."""
        places = self.newcomers.places(side, pairs[side])
        new = np.append(self.introduced[side].offset, 0.0)[places]
        offset: np.ndarray = np.where(
            places >= 0, new, self.baseline.side(side)[getattr(codes, side)]
        )
        return offset

    def _answered(
        self, side: str, pairs: pd.DataFrame, codes: Batch
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the pairs of a new id with neighbours and a known id, and its position."""
        places = self.newcomers.places(side, pairs[side])
        has = np.append(np.diff(self.introduced[side].say.indptr) > 0, False)
        warm = self.fitted.support.trained(other(side), getattr(codes, other(side)))
        rows = np.flatnonzero(has[places] & warm)
        return rows, places[rows]

    def _moved(self, side: str, codes: Batch, places: np.ndarray) -> np.ndarray:
        """Return what the neighbours at `places` add to the baseline of each pair, shape (n,)."""
        say, moved = self.introduced[side].say, np.zeros(len(codes))
        start = say.indptr[places].astype(np.int64)
        for few, pair, place in spans(start, say.indptr[places + 1] - start):
            asked = _in_place(side, codes[few][pair], say.indices[place].astype(np.int64))
            beyond = self.fitted.predictor.predict(asked) - self.baseline.expected(
                asked.user, asked.item
            )
            weight = np.bincount(pair, say.data[place])
            moved[few] = np.bincount(pair, say.data[place] * beyond) / (weight + self.damping)
        return moved


def _in_place(side: str, codes: Batch, others: np.ndarray) -> Batch:
    """Return the same pairs with `others` in place of `side`."""
    sides = {"user": codes.user, "item": codes.item, side: others}
    return cfplug.Batch(sides["user"], sides["item"], codes.context)


def nearest_raters(
    params: NearestRaters, fitted: FittedModel, newcomers: Newcomers, context: Context
) -> ByNeighbors:
    """Return a predictor with the offset and the most similar known ids of each new id."""
    known = Known.of(fitted, params)
    damping = {"user": params.user_damping, "item": params.item_damping}
    introduced = {}
    for side in SIDES:
        offset, rests = _own(fitted, newcomers, side, known.baseline, damping[side])
        rule = Rule(params.similarity, params.shrinkage, KEPT)
        introduced[side] = Introduced(
            offset, _says(similarities(Profiles(rests), known.profiles[side], rule), params)
        )
    return ByNeighbors(fitted, newcomers, known.baseline, introduced, params.damping)


def _own(
    fitted: FittedModel, newcomers: Newcomers, side: str, baseline: Baseline, damping: float
) -> tuple[np.ndarray, csr_array]:
    """Return the offsets of the n new ids, and their residuals for m known ids (n, m)."""
    from scipy.sparse import csr_array

    n, m = len(newcomers.table(side)), len(baseline.side(other(side)))
    given = newcomers.ratings[newcomers.ratings["rating"].notna()]
    places = newcomers.places(side, given[side])
    codes = fitted.catalogue.side(other(side)).encode(given[other(side)])
    known = (places >= 0) & fitted.support.trained(other(side), codes)
    places, codes = places[known], codes[known]
    rest = (
        given["rating"].to_numpy(dtype=np.float64)[known]
        - baseline.mean
        - baseline.side(other(side))[codes]
    )
    offset = damped_means(places, rest, n, damping)
    return offset, csr_array((rest - offset[places], (places, codes)), shape=(n, m))


def _says(alike: csr_array, params: NearestRaters) -> csr_array:
    """Return the similarities of the nearest `params.neighbors`, shape (n, n_known)."""
    from scipy.sparse import csr_array

    newcomer = np.repeat(np.arange(alike.shape[0]), np.diff(alike.indptr))
    say = alike.data * shares(newcomer, alike.data, params.neighbors)
    near = say > 0
    return csr_array((say[near], (newcomer[near], alike.indices[near])), shape=alike.shape)


def other(side: str) -> str:
    """Return the opposite side."""
    return "item" if side == "user" else "user"
