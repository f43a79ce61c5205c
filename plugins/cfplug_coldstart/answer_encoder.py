"""Encode the answers to sign-up questions as numbers for a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from cfplug import FittedModel, Newcomers


@frozen(eq=False)
class AnswerEncoder:
    """The items that new users may be asked about: `codes` (n,), and `means` (n,) of their ratings.

    Answers of m users have the shape (m, n, 2): the rating less the item's mean, and 1 for "not
    seen". Both numbers are 0 where there is no answer.
    """

    codes: np.ndarray
    means: np.ndarray

    @classmethod
    def of(cls, fitted: FittedModel, n: int) -> AnswerEncoder:
        """Return one for the `n` items with the most training ratings; of equal ones the first."""
        count, total = fitted.support.count["item"], fitted.support.sum["item"]
        n_rated = int((count > 0).sum())
        codes = np.argsort(-count, kind="stable")[: min(n, n_rated)]
        return cls(codes, total[codes] / count[codes])

    def of_known(self, fitted: FittedModel) -> np.ndarray:
        """Return answers of all users of the catalogue; an item without a rating is "not seen"."""
        train, n_users = fitted.train, len(fitted.catalogue.user)
        users, items = train.batch.user, train.batch.item
        answers = self.answers(n_users, users, items, train.rating)
        answers[:, :, 1] = ~self._answered(n_users, users, items)
        return answers

    def of_newcomers(
        self, fitted: FittedModel, newcomers: Newcomers
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the answers of m new users, and who answered anything, bool of shape (m,)."""
        given = newcomers.ratings
        users = newcomers.places("user", given["user"])
        items = fitted.catalogue.item.encode(given["item"])
        rating = given["rating"].to_numpy(dtype=np.float64)
        own = (users >= 0) & (items >= 0)
        n, users, items, rating = len(newcomers.users), users[own], items[own], rating[own]
        answered = self._answered(n, users, items).any(axis=1)
        return self.answers(n, users, items, rating), np.asarray(answered)

    def answers(
        self, n: int, users: np.ndarray, items: np.ndarray, ratings: np.ndarray
    ) -> np.ndarray:
        """Return the answers of `n` users.

        Args:
            n: The number of users.
            users: The row of the user of each of m ratings, shape (m,).
            items: The code of its item, shape (m,).
            ratings: The ratings, shape (m,); NaN for "not seen".

        Returns:
            Shape (n, questions, 2).
        """
        answers = np.zeros((n, len(self.codes), 2))
        asked, places = self._places(items)
        users, ratings = users[asked], ratings[asked]
        seen = ~np.isnan(ratings)
        answers[users, places, 0] = np.where(seen, ratings - self.means[places], 0.0)
        answers[users, places, 1] = ~seen
        return answers

    def _answered(self, n: int, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return which questions each user has an answer to, bool of shape (n, questions)."""
        answered = np.zeros((n, len(self.codes)), dtype=bool)
        asked, places = self._places(items)
        answered[users[asked], places] = True
        return answered

    def _places(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which of m items are asked about, bool, and the number of the question of each."""
        order = np.argsort(self.codes)
        asked = np.isin(items, self.codes)
        places = order[np.searchsorted(self.codes[order], items[asked])]
        return asked, places
