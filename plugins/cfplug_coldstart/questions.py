"""Answers to sign-up questions, as numbers that a network can look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from cfplug import FittedModel, Newcomers


@frozen(eq=False)
class Questions:
    """The items that new users may be asked about: their `codes` (n,), and the `means` (n,) of their ratings."""

    codes: np.ndarray
    means: np.ndarray

    @classmethod
    def of(cls, fitted: FittedModel, n: int) -> Questions:
        """The `n` items with the most ratings in training; of equally many the first."""
        count, total = fitted.support.count["item"], fitted.support.sum["item"]
        codes = np.argsort(-count, kind="stable")[: min(n, int((count > 0).sum()))]
        return cls(codes, total[codes] / count[codes])

    def of_known(self, fitted: FittedModel) -> np.ndarray:
        """What all users of the catalogue would have answered, as `answers`: what one did not rate was not seen."""
        train = fitted.train
        answers = self.answers(
            len(fitted.catalogue.user), train.batch.user, train.batch.item, train.rating
        )
        answers[:, :, 1] = ~self._rated(answers.shape[0], train.batch.user, train.batch.item)
        return answers

    def of_newcomers(
        self, fitted: FittedModel, newcomers: Newcomers
    ) -> tuple[np.ndarray, np.ndarray]:
        """What new users answered, as `answers`, and who answered anything, bool of shape (n_newcomers,)."""
        given = newcomers.ratings
        users, items = (
            newcomers.places("user", given["user"]),
            fitted.catalogue.item.encode(given["item"]),
        )
        rating = given["rating"].to_numpy(dtype=np.float64)
        mine = (users >= 0) & (items >= 0)
        n, users, items, rating = len(newcomers.users), users[mine], items[mine], rating[mine]
        return self.answers(n, users, items, rating), np.asarray(
            self._rated(n, users, items).any(axis=1)
        )

    def answers(
        self, n: int, users: np.ndarray, items: np.ndarray, ratings: np.ndarray
    ) -> np.ndarray:
        """Answers of shape (n, questions, 2): the rating less the item's mean, and 1 for what was not seen.

        `users`, `items` and `ratings`, each of shape (m,), are rows, codes and ratings, NaN for
        what was not seen. Both numbers are 0 where there is no answer."""
        answers = np.zeros((n, len(self.codes), 2))
        users, places, ratings = self._asked(users, items, ratings)
        seen = ~np.isnan(ratings)
        answers[users, places, 0] = np.where(seen, ratings - self.means[places], 0.0)
        answers[users, places, 1] = ~seen
        return answers

    def _rated(self, n: int, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Which questions each user has an answer to, bool of shape (n, questions)."""
        rated = np.zeros((n, len(self.codes)), dtype=bool)
        users, places, _ = self._asked(users, items, items)
        rated[users, places] = True
        return rated

    def _asked(
        self, users: np.ndarray, items: np.ndarray, ratings: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Those of m ratings that answer a question: users, the number of the question, ratings."""
        order = np.argsort(self.codes)
        there = np.isin(items, self.codes)
        return users[there], order[np.searchsorted(self.codes[order], items[there])], ratings[there]
