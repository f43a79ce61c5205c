"""Ratings and what a model may have said of them, on which metrics are tried: with equals, with gaps, few and many."""

from __future__ import annotations

import attrs
import numpy as np
from attrs import frozen
from hypothesis import strategies as st

from cfplug.answers import Predictions
from cfplug.prediction import WARM

LEVELS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])


@frozen(eq=False)
class Case:
    """Ratings on the scale 1 to 5, and what a model said of them: rating, distribution, lists.

    `user` and `item`, shape (n,), are codes with gaps, no pair twice; `truth` (n,); `score` has what the model says of
    every user and item, shape (n_users, n_items), from which predictions and lists come; `share` (n, 5).
    """

    user: np.ndarray
    item: np.ndarray
    truth: np.ndarray
    score: np.ndarray
    share: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    def __str__(self) -> str:
        if len(self) > 8:
            return f"{len(self)} ratings by {len(np.unique(self.user))} users"
        rows = zip(self.user.tolist(), self.item.tolist(), self.truth.tolist(), self.rating.tolist(), strict=True)
        return f"(user, item, rating, prediction) of {', '.join(str(row) for row in rows)}"

    @property
    def rating(self) -> np.ndarray:
        rating: np.ndarray = self.score[self.user, self.item]
        return rating

    def predictions(self) -> Predictions:
        """What a run would hand to the metric: every array is the metric's own."""
        users = np.unique(self.user)
        lists = np.argsort(-self.score[users], axis=1, kind="stable")

        def top(k: int) -> np.ndarray:
            best = np.full((len(users), k), -1)
            best[:, : min(k, lists.shape[1])] = lists[:, :k]
            return best

        origin = np.full(len(self), WARM, dtype=object)
        codes = self.user.copy(), self.item.copy()
        return Predictions(self.rating, origin, self.share.copy(), LEVELS.copy(), *codes, top)

    def perfect(self) -> Case:
        """The same ratings, all predicted as they are, and each list led by what its user rated best."""
        score = np.zeros(self.score.shape)
        score[self.user, self.item] = self.truth
        return attrs.evolve(self, score=score, share=(self.truth[:, None] == LEVELS).astype(float))

    def reversed(self) -> Case:
        """The same ratings, all predicted as far off as can be, the lists as well."""
        score = np.full(self.score.shape, 3.0)
        score[self.user, self.item] = np.where(self.truth >= 3, 1.0, 5.0)
        return attrs.evolve(self, score=score, share=(score[self.user, self.item][:, None] == LEVELS).astype(float))

    def take(self, rows: np.ndarray) -> Case:
        return attrs.evolve(
            self, user=self.user[rows], item=self.item[rows], truth=self.truth[rows], share=self.share[rows]
        )

    def renumbered(self, rng: np.random.Generator) -> Case:
        """Other codes for the same users and items, with other gaps."""
        users, items = (rng.permutation(size + 4)[:size] for size in self.score.shape)
        score = np.full((len(users) + 4, len(items) + 4), -1e6)  # whom nobody knows is recommended to nobody
        score[np.ix_(users, items)] = self.score
        return attrs.evolve(self, user=users[self.user], item=items[self.item], score=score)


def made(n: int, users: int, items: int, ties: bool, seed: int) -> Case:
    """`n` ratings (fewer, if there are no more pairs) by at most `users` users, drawn from `seed`."""
    rng = np.random.default_rng(seed)
    gaps = 3
    drawn = rng.choice(users * items, min(n, users * items), replace=False)
    user, item = np.sort(rng.permutation(users + gaps)[:users])[drawn // items], drawn % items
    score = rng.permutation(np.linspace(0.7, 5.2, (users + gaps) * items)).reshape(users + gaps, items)
    score = np.rint(score) if ties else score
    truth = rng.choice(LEVELS, len(drawn), p=[0.1, 0.15, 0.2, 0.3, 0.25])
    share = rng.dirichlet(np.full(5, 0.7), len(drawn))
    share[rng.random(len(drawn)) < 0.2] = [0.0, 0.0, 0.5, 0.5, 0.0] if ties else [0.0, 0.0, 0.45, 0.55, 0.0]
    return Case(user, item, truth, score, share)


def ordinary(ties: bool = True) -> Case:
    """Enough ratings for any metric: 260 by 25 users."""
    return made(260, 25, 31, ties, 0)


def cases(*, ties: bool | None = None) -> st.SearchStrategy[Case]:
    """Cases of every size from one rating; with equal predictions, without, or (None) both."""
    return st.builds(
        made,
        n=st.integers(1, 40),
        users=st.integers(1, 7),
        items=st.integers(2, 12),
        ties=st.booleans() if ties is None else st.just(ties),
        seed=st.integers(0, 2**31),
    )
