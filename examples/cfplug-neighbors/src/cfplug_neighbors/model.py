"""The neighbourhood models: what neighbours got beyond the baseline, added to the baseline.

For neighbours of items, with N the (at most) k items that are most similar to i among those that u
rated,

    r_ui = b_ui + sum_{j in N} s_ij^a (r_uj - b_uj) / (sum_{j in N} s_ij^a + damping)

It is Koren's (KDD 2008, equation 3) with two things more: the amplification a of Breese, Heckerman
and Kadie (UAI 1998), by which the most similar ones count for more, and a damping of the
denominator as in Bell and Koren (KDD Cup 2007), so that little similarity moves little. Without the
two, and with item means for the baseline, it is LensKit's ItemKNN. Neighbours of users are the same
with users and items in each other's place (Herlocker et al., SIGIR 1999).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from cfplug_neighbors.baseline import Baseline
from cfplug_neighbors.similarity import Profiles, Rule, similarities
from cfplug_neighbors.voting import shares, spans

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from cfplug import Batch, Context, Interactions
    from cfplug_neighbors import Knn

PARTS = ("data", "indices", "indptr")
"""What a sparse matrix is made of, in rows."""


@frozen(eq=False)
class Neighborhoods:
    """A fitted model whose neighbours are of one `side`.

    `rests` has the residuals of the baseline, (n_others, n_own), `alike` the similarities of the
    own side, (n_own, n_own).
    """

    params: Knn
    side: str
    baseline: Baseline
    rests: csr_array
    alike: csr_array

    def predict(self, batch: Batch) -> np.ndarray:
        """Ratings of shape (n,)."""
        rating: np.ndarray = self.expected(batch) + self.moved(batch)
        return rating

    def expected(self, batch: Batch) -> np.ndarray:
        """The baseline alone, shape (n,)."""
        return self.baseline.expected(batch.user, batch.item)

    def moved(self, batch: Batch) -> np.ndarray:
        """What the neighbours add to the baseline, shape (n,); 0 where there are too few."""
        total, weight = np.zeros(len(batch)), np.zeros(len(batch))
        for questions, question, alike, place in self._candidates(batch):
            n = questions.stop - questions.start
            say = alike**self.params.amplification * shares(question, alike, self.params.neighbors)
            enough = np.bincount(question, minlength=n) >= self.params.min_neighbors
            total[questions] = np.bincount(question, say * self.rests.data[place], n) * enough
            weight[questions] = np.bincount(question, say, n)
        return np.divide(total, weight + self.params.damping, out=total, where=weight > 0)

    def count(self, batch: Batch) -> np.ndarray:
        """Return the number of neighbours of each pair, shape (n,), at most `params.neighbors`."""
        count = np.zeros(len(batch), dtype=np.int64)
        for questions, question, *_ in self._candidates(batch):
            count[questions] = np.bincount(question, minlength=questions.stop - questions.start)
        return count.clip(max=self.params.neighbors)

    def _candidates(
        self, batch: Batch
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield the similar ids that the other side rated, in blocks of queries.

        For each candidate: its query, its similarity and its place in `rests.data`.
        """
        own, other = (batch.item, batch.user) if self.side == "item" else (batch.user, batch.item)
        start = self.rests.indptr[other].astype(np.int64)
        for questions, question, place in spans(start, self.rests.indptr[other + 1] - start):
            alike = self.alike[own[questions][question], self.rests.indices[place]]
            near = np.flatnonzero(alike > 0)
            yield questions, question[near], alike[near].astype(np.float64), place[near]

    def biases(self, side: str) -> np.ndarray:
        """Return the offsets of the baseline, shape (n_ids,)."""
        return self.baseline.side(side)

    def terms(self, batch: Batch) -> dict[str, np.ndarray]:
        """The terms of each rating, each of shape (n,)."""
        return {
            "mean": np.full(len(batch), self.baseline.mean),
            "user bias": self.baseline.user[batch.user],
            "item bias": self.baseline.item[batch.item],
            "neighbours": self.moved(batch),
        }

    def state(self) -> dict[str, np.ndarray]:
        matrices = {"rests": self.rests, "alike": self.alike}
        return {
            **self.baseline.state(),
            **{
                f"{name}.{part}": getattr(matrix, part)
                for name, matrix in matrices.items()
                for part in PARTS
            },
        }


def fit_items(params: Knn, train: Interactions, context: Context) -> Neighborhoods:
    return fit("item", params, train, context)


def fit_users(params: Knn, train: Interactions, context: Context) -> Neighborhoods:
    return fit("user", params, train, context)


def fit(side: str, params: Knn, train: Interactions, context: Context) -> Neighborhoods:
    """Return the model whose neighbours are of `side`, fitted on the residuals of a baseline."""
    baseline = Baseline.of(train, params.user_damping, params.item_damping)
    rests = baseline.rests(train)
    own, others = (rests.T.tocsr(), rests) if side == "item" else (rests, rests.T.tocsr())
    everybody, rule = Profiles(own), Rule(params.similarity, params.shrinkage, params.kept)
    alike = similarities(
        everybody, everybody, rule, lambda done: context.progress(done, f"similarities of {side}s")
    )
    return Neighborhoods(params, side, baseline, others, alike)


def restore_items(params: Knn, state: Mapping[str, np.ndarray]) -> Neighborhoods:
    return _restored("item", params, state)


def restore_users(params: Knn, state: Mapping[str, np.ndarray]) -> Neighborhoods:
    return _restored("user", params, state)


def _restored(side: str, params: Knn, state: Mapping[str, np.ndarray]) -> Neighborhoods:
    baseline = Baseline.restored(state)
    n_own, n_others = (
        len(baseline.side(each)) for each in (side, "item" if side == "user" else "user")
    )
    rests, alike = (
        _matrix("rests", state, (n_others, n_own)),
        _matrix("alike", state, (n_own, n_own)),
    )
    return Neighborhoods(params, side, baseline, rests, alike)


def _matrix(name: str, state: Mapping[str, np.ndarray], shape: tuple[int, int]) -> csr_array:
    from scipy.sparse import csr_array

    data, indices, indptr = (state[f"{name}.{part}"] for part in PARTS)
    return csr_array((data, indices, indptr), shape=shape)
