"""Hold what a trained model needs to answer questions about raw ids.

`FittedModel` is the one object that users have; the methods that answer a question are functions of
`predict`, `recommend`, `similarity` and `explain`, whose first argument is the model.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.data.batch import Batch, Interactions
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.dataset import Scale
from cfplug.data.features import Features
from cfplug.data.vocabulary import SIDES, Side
from cfplug.errors import CapabilityError
from cfplug.prediction import explain as explanations
from cfplug.prediction import newcomer_files, similarity
from cfplug.prediction import predict as answers
from cfplug.prediction import recommend as ranking
from cfplug.prediction.evidence import Evidence
from cfplug.prediction.interview import Questionnaire, questionnaire
from cfplug.prediction.memo import Memo
from cfplug.prediction.network import by_differences
from cfplug.prediction.newcomers import KnownIds, Newcomers, introduce
from cfplug.prediction.policy import Policy, strategy, with_strategy

if TYPE_CHECKING:
    from cfplug.plugin.registry import Registry


@frozen(eq=False, repr=False)
class FittedModel:
    """A trained model, with all that it needs to answer for raw ids.

    `policy` is None where the recipe says `unknown: error`. `fold` is empty where the split has no
    named folds; `seconds` is the wall time of its training. `memo` keeps what strategies learn
    from the training data; a copy with other data or another predictor needs a new one.
    """

    name: str
    component: str
    seed: int
    provides: tuple[str, ...]
    catalogue: Catalogue
    support: Support
    predictor: Any
    policy: Policy | None = None
    features: Features | None = None
    levels: tuple[float, ...] = ()
    fold: str = ""
    seconds: float = 0.0
    scale: Scale | None = None
    _evidence: Evidence | None = field(default=None, alias="evidence")
    memo: Memo = field(factory=Memo)

    def __repr__(self) -> str:
        users, items = (int((self.support.count[side] > 0).sum()) for side in SIDES)
        unknown = self.policy.name if self.policy else "error"
        gives = f", gives {' and '.join(self.provides)}" if self.provides else ""
        fold = f", fold {self.fold}" if self.fold else ""
        return (
            f"{self.name} ({self.component}, seed {self.seed}{fold}): "
            f"trained on {users:,} users and {items:,} items{gives}; unknown ids: {unknown}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"

    # What it learned from

    @property
    def has_evidence(self) -> bool:
        """Whether the data is in memory, as while its run analyzes it."""
        return self._evidence is not None

    @property
    def evidence(self) -> Evidence:
        """The data on which it was trained and measured, while its run analyzes it.

        Raises:
            CapabilityError: The model was opened from a run folder.
        """
        if self._evidence is None:
            raise CapabilityError(
                f"{self.name} ({self.component}) has no data at hand: "
                "only a run that analyses has it"
            )
        return self._evidence

    @property
    def train(self) -> Interactions:
        """The ratings from which it learned, in codes.

        Raises:
            CapabilityError: The run did not record which ratings these are.
        """
        rows, known = self.support.rated, self.catalogue
        if rows is None:
            raise CapabilityError(
                f"{self.name} ({self.component}) does not know from which ratings it learned"
            )
        users = known.rated_user[rows].astype(np.int64)
        items = known.rated_item[rows].astype(np.int64)
        ratings = known.rated_rating[rows].astype(np.float64)
        return Interactions(Batch(users, items), ratings, len(known.user), len(known.item))

    @property
    def known_ids(self) -> KnownIds:
        """The ids of the catalogue, and which of them training saw."""
        return KnownIds(self.catalogue, self.support, self.scale)

    @property
    def context_columns(self) -> tuple[str, ...]:
        """The columns of a rating, next to user and item, that the model looks at."""
        return self.features.needs() if self.features is not None else ()

    def once(self, key: Hashable, work: Callable[[], Any]) -> Any:
        """Return the result of `work`, computed once for this model and kept in `memo`.

        Strategies use it for what they learn from all trained ids.

        Args:
            key: Starts with the name of the plugin; has all that the result depends on.
            work: Computes the result.
        """
        return self.memo.once(key, work)

    # Predictions

    def predict(self, pairs: pd.DataFrame, *, newcomers: Newcomers | None = None) -> pd.DataFrame:
        """Return predicted ratings for a table of pairs, in its order and with its index.

        Args:
            pairs: The columns user and item, and those of `context_columns`.
            newcomers: What is known of new users and items, from `newcomers`.

        Returns:
            The columns user, item, prediction and origin.

        Raises:
            DataError: A column is missing, or an id has the wrong type.
            UnknownIdError: Training never saw an id, and the recipe says `unknown: error`.
        """
        predictions = self.answer(pairs, newcomers=newcomers)
        return pairs[["user", "item"]].assign(
            prediction=predictions.rating, origin=predictions.origin
        )

    answer = answers.answer

    def encoded(self, pairs: pd.DataFrame) -> Batch:
        """Return the pairs in codes, with the columns of the rating that the model looks at."""
        codes = self.catalogue.encode(pairs)
        if self.features is None:
            return codes
        return Batch(codes.user, codes.item, self.features.context(pairs, codes))

    recommend = ranking.recommend
    top = ranking.top

    # New users and items

    def newcomers(
        self,
        users: pd.DataFrame | None = None,
        items: pd.DataFrame | None = None,
        ratings: pd.DataFrame | None = None,
    ) -> Newcomers:
        """Return new users and items with what is known of them, for `predict` and `recommend`.

        Args:
            users: The column user and any columns of the users' metadata.
            items: The column item and any columns of the items' metadata.
            ratings: The columns user, item and rating; a missing rating means "not seen".

        Raises:
            DataError: With column and row: an id that training knows, metadata that no id has, or
                a rating off the scale.
        """
        return introduce(self.known_ids, users, items, ratings)

    def newcomers_from_files(
        self,
        ratings: Path | str | None = None,
        metadata: Mapping[str, object] | None = None,
        user: object = None,
    ) -> Newcomers:
        """Return new users with the ratings of a file and the metadata of one of them.

        Args:
            ratings: A CSV or Parquet file with the columns item (an id or a title) and rating, and
                user if several.
            metadata: Values of columns of the users' metadata, such as `{"age": 34}`.
            user: The id of the new user of the file and of the metadata; `new_user()` if
                None.

        Raises:
            DataError: As `newcomers`.
            CfplugError: The file cannot be read, lacks a column, or names an unknown item.
        """
        user = self.new_user() if user is None else user
        return newcomer_files.newcomers_from_files(self.known_ids, ratings, metadata or {}, user)

    def new_user(self) -> int | str:
        """Return a user id that the catalogue does not have."""
        return newcomer_files.new_id(self.catalogue.user)

    def with_cold_start(
        self,
        name: str,
        params: Mapping[str, object] | None = None,
        registry: Registry | None = None,
    ) -> FittedModel:
        """Return the same model with another cold-start strategy for unknown ids.

        Args:
            name: The name of the strategy, such as "fold-in" or "coldstart/fold-in".
            params: Its parameters by name; the defaults for those that are not given.
            registry: The plugins to look in; all that are installed if None.

        Raises:
            RecipeError: There is no such strategy, or it has no such parameter; with the nearest
                name.
            CapabilityError: The strategy requires what the model does not provide.
        """
        return with_strategy(self, strategy(name, params, registry))

    def interview(
        self,
        name: str = "interview",
        params: Mapping[str, object] | None = None,
        registry: Registry | None = None,
    ) -> Questionnaire:
        """Return the questions that a cold-start strategy asks a new user about items.

        The answers are ratings: pass them to `newcomers` and answer with the same strategy,
        `with_cold_start(name)`.

        Args:
            name: The name of a strategy that asks.
            params: Its parameters by name.
            registry: The plugins to look in; all that are installed if None.

        Raises:
            RecipeError: There is no such strategy, or it has no such parameter.
            CapabilityError: The strategy asks no questions, or does not fit the model.
        """
        return questionnaire(self, strategy(name, params, registry))

    # What it learned

    def capability(self, name: str) -> Callable[[Side], np.ndarray]:
        """Return the predictor's method `name`.

        Raises:
            CapabilityError: The model does not provide it.
        """
        if name not in self.provides:
            raise CapabilityError(f"{self.name} ({self.component}) has no {name}")
        method: Callable[[Side], np.ndarray] = getattr(self.predictor, name)
        return method

    def embeddings(self, side: Side) -> pd.DataFrame:
        """Return the factors of every id of `side`, one row an id, in the catalogue's order."""
        return pd.DataFrame(self.capability("embeddings")(side), index=self._ids(side), copy=True)

    def biases(self, side: Side) -> pd.Series[float]:
        """Return the bias of every id of `side`, in the catalogue's order."""
        biases = self.capability("biases")(side)
        return pd.Series(biases, index=self._ids(side), name="bias", copy=True)

    def vectors(self, side: Side) -> np.ndarray:
        """Return a copy of all that was learned of each id of `side`, shape (n_ids, width)."""
        return np.array(self.capability("vectors")(side), dtype=np.float64)

    def slopes(self, side: Side, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return predictions, and their derivatives with respect to the vectors of `side`.

        Args:
            side: The side that has vectors in `batch`.
            batch: n pairs.

        Returns:
            Ratings of shape (n,), and derivatives of shape (n, width).
        """
        self.capability("vectors")
        own = getattr(self.predictor, "slopes", None)
        if own is None:
            return by_differences(self.predictor, side, batch)
        given: tuple[np.ndarray, np.ndarray] = own(side, batch)
        return given

    def _ids(self, side: Side) -> pd.Index[Any]:
        return pd.Index(self.catalogue.side(side).ids, name=side)

    # Explanations

    similar = similarity.similar
    rated = similarity.rated
    explain = explanations.explain
