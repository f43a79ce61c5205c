"""A fitted model answers questions about raw ids: ratings with their origin, and recommendations."""

from __future__ import annotations

import html
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.data.batch import Batch, Interactions
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.dataset import Scale
from cfplug.data.features import Features
from cfplug.data.vocabulary import SIDES, UNKNOWN, Side
from cfplug.errors import CapabilityError, DataError, PluginError, UnknownIdError, did_you_mean
from cfplug.prediction import predictions as checked
from cfplug.prediction.evidence import Evidence
from cfplug.prediction.explain import DRAWS, by_swaps, by_terms
from cfplug.prediction.explanation import Explanation, titled
from cfplug.prediction.network import by_differences
from cfplug.prediction.newcomers import Acquaintance, Newcomers, among, introduced
from cfplug.prediction.predictions import PairPredictor, Predictions
from cfplug.prediction.similarity import COSINE, measured, nearest

WARM = "warm"
"""The origin of a prediction whose user and item both had ratings in training."""

PAIRS = 200_000
"""Pairs that are asked about at once where whole lists are made."""


@frozen(eq=False)
class Policy:
    """What to do about ids that training never saw: a cold-start strategy, ready to adapt a model."""

    name: str
    origin: str
    adapt: Callable[[FittedModel, Newcomers], PairPredictor]
    title: str = ""


@frozen(eq=False, repr=False)
class FittedModel:
    """A model that has been trained, with all that it needs to answer for raw ids.

    `policy` is None where the recipe says `unknown: error`. `fold` is empty where the split has no
    named folds; `seconds` is the wall time of its training."""

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
    _worked_out: dict[Hashable, Any] = field(factory=dict, alias="worked_out")

    @property
    def evidence(self) -> Evidence:
        """What it was trained and measured on, while its run analyses it; CapabilityError for one opened later."""
        if self._evidence is None:
            raise CapabilityError(
                f"{self.name} ({self.component}) has no data at hand: only a run that analyses has it"
            )
        return self._evidence

    def __repr__(self) -> str:
        users, items = (int((self.support.count[side] > 0).sum()) for side in SIDES)
        unknown = self.policy.name if self.policy else "error"
        gives = f", gives {' and '.join(self.provides)}" if self.provides else ""
        fold = f", fold {self.fold}" if self.fold else ""
        return (
            f"{self.name} ({self.component}, seed {self.seed}{fold}): trained on {users:,} users and {items:,} "
            f"items{gives}; unknown ids: {unknown}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"

    @property
    def train(self) -> Interactions:
        """The ratings from which it learned, in codes; CapabilityError for a model that does not know them."""
        rows, known = self.support.rated, self.catalogue
        if rows is None:
            raise CapabilityError(
                f"{self.name} ({self.component}) does not know from which ratings it learned"
            )
        codes = Batch(
            known.rated_user[rows].astype(np.int64), known.rated_item[rows].astype(np.int64)
        )
        return Interactions(
            codes, known.rated_rating[rows].astype(np.float64), len(known.user), len(known.item)
        )

    def once(self, key: Hashable, work: Callable[[], Any]) -> Any:
        """What `work` gives, done once for this model: for what a strategy learns from all who are known."""
        if key not in self._worked_out:
            self._worked_out[key] = work()
        return self._worked_out[key]

    @property
    def _known_already(self) -> Acquaintance:
        return Acquaintance(self.catalogue, self.support, self.scale)

    def newcomers(
        self,
        users: pd.DataFrame | None = None,
        items: pd.DataFrame | None = None,
        ratings: pd.DataFrame | None = None,
    ) -> Newcomers:
        """Users and items that training never saw, with what is known of them, for `predict` and `recommend`.

        `users` and `items` have an id column and any columns of the metadata; `ratings` has user,
        item and rating. DataError, with column and row, for an id that training knows, metadata
        that nobody has, or a rating off the scale."""
        return introduced(self._known_already, users, items, ratings)

    def predict(self, pairs: pd.DataFrame, *, newcomers: Newcomers | None = None) -> pd.DataFrame:
        """Ratings for a table with the columns user and item, in its order and with its index.

        A model that looks at the time or the context of a rating needs these columns too. The
        answer has the columns user, item, prediction and origin. DataError for a missing column or
        an id of the wrong type; UnknownIdError for an id that training never saw, where the recipe
        says `unknown: error`. `newcomers` says what is known of such ids."""
        answers = self.answer(pairs, newcomers=newcomers)
        return pairs[["user", "item"]].assign(prediction=answers.rating, origin=answers.origin)

    def answer(self, pairs: pd.DataFrame, *, newcomers: Newcomers | None = None) -> Predictions:
        """The same as arrays, with the distribution where the model has one."""
        codes = self.encoded(pairs)
        warm = self.support.trained("user", codes.user) & self.support.trained("item", codes.item)
        rating = np.empty(len(pairs))
        origin = np.full(len(pairs), WARM, dtype=object)
        rating[warm] = checked.ratings(
            self.predictor.predict(codes[warm]), int(warm.sum()), self.component
        )
        distribution = (
            np.empty((len(pairs), len(self.levels))) if "distribution" in self.provides else None
        )
        if distribution is not None:
            distribution[warm] = self.predictor.distribution(codes[warm])
        deviation = None
        if not warm.all():
            policy = self._policy(pairs, codes)
            known = pairs.loc[
                ~warm, ["user", "item", *(self.features.needs() if self.features else ())]
            ]
            asked = among(self._known_already, known, newcomers)
            cold = self._by_policy(policy, known, asked, distribution is not None)
            rating[~warm], origin[~warm] = cold.rating, cold.origin
            if cold.deviation is not None:
                deviation = np.full(len(pairs), np.nan)
                deviation[~warm] = cold.deviation
            if cold.distribution is None:
                distribution = None
            elif distribution is not None:
                distribution[~warm] = cold.distribution
        levels = None if distribution is None else np.array(self.levels)
        return Predictions(
            rating, origin, distribution, levels, codes.user, codes.item, deviation=deviation
        )

    def encoded(self, pairs: pd.DataFrame) -> Batch:
        """The pairs in codes, with the columns of the rating that the model looks at."""
        codes = self.catalogue.encode(pairs)
        if self.features is None:
            return codes
        return Batch(codes.user, codes.item, self.features.context(pairs, codes))

    def _by_policy(
        self, policy: Policy, cold: pd.DataFrame, newcomers: Newcomers, whole: bool
    ) -> Predictions:
        """The policy's answers, with origin and deviation; with `whole` their distribution too, None if it has none."""
        try:
            adapted = policy.adapt(self, newcomers)
            if not callable(getattr(adapted, "predict", None)):
                raise PluginError(f"adapt gave {type(adapted).__name__}, which has no predict")
            rating = checked.ratings(adapted.predict(cold), len(cold), policy.name)
            verbs = ("origins", "deviation", *(["distribution"] if whole else []))
            own = {verb: of(cold) for verb in verbs if callable(of := getattr(adapted, verb, None))}
            origin, deviation, distribution = (
                own.get(verb) for verb in ("origins", "deviation", "distribution")
            )
            n, size = len(cold), (len(cold), len(self.levels))
            return Predictions(
                rating,
                np.full(n, policy.origin, dtype=object)
                if origin is None
                else checked.words(origin, n, policy.name),
                None
                if distribution is None
                else checked.sizes(distribution, size, "distribution", policy.name),
                deviation=None
                if deviation is None
                else checked.sizes(deviation, (n,), "deviation", policy.name),
            )
        except Exception as error:
            error.add_note(
                f"while {policy.title or policy.name} answered for ids that training never saw"
            )
            raise

    def _policy(self, pairs: pd.DataFrame, codes: Batch) -> Policy:
        if self.policy is None:
            raise unknown_ids(self.support, pairs, codes)
        return self.policy

    def recommend(
        self,
        user: object,
        n: int = 10,
        *,
        exclude_seen: bool = True,
        context: Mapping[str, object] | None = None,
        newcomers: Newcomers | None = None,
    ) -> pd.DataFrame:
        """The `n` items with the highest predicted rating for `user`; ties go to the item that comes first.

        The answer has the columns rank, item, label, prediction and origin. Items that the user has
        rated are left out unless `exclude_seen` is false. `context` gives the columns of the rating
        that the model looks at; where it has no time, that of the latest training rating stands for
        now. `newcomers` says what is known of a user whom training never saw. DataError if fewer
        than `n` are left, or for a column that is missing."""
        user = user.item() if isinstance(user, np.generic) else user
        code = int(self.catalogue.user.encode([user])[0])
        wanted = np.ones(len(self.catalogue.item), dtype=bool)
        if self.policy is None:
            wanted &= self.support.count["item"] > 0
        if exclude_seen and code != UNKNOWN:
            wanted[self.catalogue.rated_by(code)] = False
        if exclude_seen and newcomers is not None:
            wanted[self._rated_by_newcomer(user, newcomers)] = False
        items = np.flatnonzero(wanted)
        if not 1 <= n <= len(items):
            raise DataError(
                f"asked for {n} items; {len(items)} can be recommended to user {user!r}"
            )
        ids = pd.Series(self.catalogue.item.decode(items), dtype=object)
        pairs = pd.DataFrame({"user": pd.Series([user] * len(ids), dtype=object), "item": ids})
        answers = self.answer(self._at(pairs, context or {}), newcomers=newcomers)
        best = np.argsort(-answers.rating, kind="stable")[:n]
        return pd.DataFrame(
            {
                "rank": np.arange(1, n + 1),
                "item": ids.iloc[best].tolist(),
                "label": [self.catalogue.item.label(code) for code in items[best]],
                "prediction": answers.rating[best],
                "origin": answers.origin[best],
            }
        )

    def _rated_by_newcomer(self, user: object, newcomers: Newcomers) -> np.ndarray:
        """The codes of the items of the catalogue that a newcomer has rated."""
        codes = self.catalogue.item.encode(newcomers.rated_by(user))
        known: np.ndarray = codes[codes != UNKNOWN]
        return known

    def rated(self, user: object, *, like: object = None) -> pd.DataFrame:
        """Every rating of `user` that the run knows, held out or not: item, label, rating; none for an unknown user.

        With `like`, an item's id or label, those of other items that training saw, the most similar
        first, and their cosine similarity in one more column."""
        code = int(self.catalogue.user.encode([user])[0])
        items = self.catalogue.rated_by(code)
        ratings = pd.DataFrame(
            {
                "item": pd.Series(self.catalogue.item.decode(items), dtype=object),
                "label": pd.Series(
                    [self.catalogue.item.label(item) for item in items], dtype=object
                ),
                "rating": self.catalogue.ratings_by(code)
                .astype(float)
                .round(6),  # 3.3 in single precision is not 3.3
            }
        )
        if like is None:
            return ratings
        alike = self.similar(like, len(self.catalogue.item))[["item", "similarity"]]
        return alike.merge(ratings, on="item")[[*ratings.columns, "similarity"]]

    def _at(self, pairs: pd.DataFrame, context: Mapping[str, object]) -> pd.DataFrame:
        """`pairs` with a column for each entry of `context`, and the latest training time where a time is needed."""
        needs = self.features.needs() if self.features is not None else ()
        for name in context:
            if name not in needs:
                there = ", ".join(needs) or "no column of the rating"
                raise DataError(
                    f"context: {self.name} looks at {there}; is given {name}{did_you_mean(name, needs)}"
                )
        if self.features is not None and "time" in needs:
            latest = np.datetime64(int(self.features.now or 0), "s")
            context = {**context, "time": _moment(context.get("time", latest))}
        return pairs.assign(
            **{
                name: pd.Series([value] * len(pairs), index=pairs.index)
                for name, value in context.items()
            }
        )

    def top(self, users: np.ndarray, rated: Batch, k: int) -> np.ndarray:
        """The codes of the `k` items with the highest predictions for each of the m users with the codes `users`.

        Shape (m, k), best first; ties go to the item that comes first. Only items that training saw
        are ranked, without those that the user has in `rated`; where fewer are left the row ends
        with UNKNOWN."""
        items = np.flatnonzero(self.support.count["item"] > 0)
        lists = np.full((len(users), k), UNKNOWN, dtype=np.int64)
        seen = pd.Series(rated.item).groupby(pd.Series(rated.user)).agg(list)
        per_chunk = max(1, PAIRS // len(items))
        for start in range(0, len(users), per_chunk):
            chunk = users[start : start + per_chunk]
            ids = pd.Series(self.catalogue.user.decode(chunk.repeat(len(items))))
            pairs = pd.DataFrame(
                {"user": ids, "item": self.catalogue.item.decode(items) * len(chunk)}
            )
            rating = self.answer(self._at(pairs, {})).rating.reshape(len(chunk), len(items))
            for row, user in enumerate(chunk):
                left = ~np.isin(items, seen.get(user, []))
                best = np.argsort(-rating[row, left], kind="stable")[:k]
                lists[start + row, : len(best)] = items[left][best]
        return lists

    def embeddings(self, side: Side) -> pd.DataFrame:
        """The factors of every id of `side`, one row an id, in the catalogue's order."""
        return pd.DataFrame(self._capability("embeddings")(side), index=self._ids(side), copy=True)

    def biases(self, side: Side) -> pd.Series[float]:
        """The bias of every id of `side`, in the catalogue's order."""
        return pd.Series(
            self._capability("biases")(side), index=self._ids(side), name="bias", copy=True
        )

    def vectors(self, side: Side) -> np.ndarray:
        """All that was learned of each id of `side` alone, shape (n_ids, width); a copy."""
        return np.array(self._capability("vectors")(side), dtype=np.float64)

    def slopes(self, side: Side, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Ratings of shape (n,), and how they change with the vector of `side` that `batch` brings: (n, width)."""
        self._capability("vectors")
        own = getattr(self.predictor, "slopes", None)
        given: tuple[np.ndarray, np.ndarray] = (
            by_differences(self.predictor, side, batch) if own is None else own(side, batch)
        )
        return given

    def similar(
        self,
        name: object,
        n: int = 10,
        *,
        side: Side = "item",
        measure: str = COSINE,
        most_rated: int | None = None,
    ) -> pd.DataFrame:
        """The `n` ids whose factors are most like those of `name`: an id, a label, or a part of one label alone.

        The answer has the columns rank, item (or user), label, similarity (of cosine) or distance
        (euclidean) and ratings, those in training. Only ids that training saw are compared, the
        `most_rated` ones of them if that is given; of equally near ones the first in the catalogue
        is first. DataError for a name that does not fit, UnknownIdError for an id that training
        never saw."""
        column, vectors = measured(measure), self._capability("embeddings")(side)
        if n < 1:
            raise DataError(f"asked for {n} {side}s; ask for at least one")
        vocabulary, count = self.catalogue.side(side), self.support.count[side]
        most = np.argsort(-count, kind="stable")[:most_rated]
        codes, found = nearest(
            vectors, self._known(side, name), np.sort(most[count[most] > 0]), measure, n
        )
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(codes) + 1),
                side: pd.Series(vocabulary.decode(codes), dtype=object),
                "label": pd.Series([vocabulary.label(code) for code in codes], dtype=object),
                column: found,
                "ratings": count[codes],
            }
        )

    def _known(self, side: Side, name: object) -> int:
        """The code of what a person calls `name`; UnknownIdError if training never saw it."""
        vocabulary = self.catalogue.side(side)
        code = vocabulary.find(name)
        if self.support.count[side][code] == 0:
            called = titled(side, vocabulary.ids[code], vocabulary.label(code))
            raise UnknownIdError(
                f"training saw no rating of {called}, so {self.name} has learned nothing of it"
            )
        return code

    def explain(
        self,
        user: object,
        item: object,
        *,
        context: Mapping[str, object] | None = None,
        seed: int = 0,
    ) -> Explanation:
        """Why it predicts what it does for `user` and `item`, ids or labels: parts that sum to the prediction.

        They are exact for a model that gives terms. Any other is asked what it would say if one
        input after the other were that of another rated pair; these are drawn with `seed`.
        `context` is as in `recommend`. DataError for a name that does not fit, UnknownIdError for
        an id that training never saw."""
        codes = {"user": self._known("user", user), "item": self._known("item", item)}
        ids = {side: self.catalogue.side(side).ids[code] for side, code in codes.items()}
        pair = self._at(pd.DataFrame({side: [id_] for side, id_ in ids.items()}), context or {})
        asked, known = self.encoded(pair), (self.catalogue, self.features)
        if "terms" in self.provides:
            reasons = by_terms(self.predictor, asked, *known)
        else:
            rng = np.random.default_rng(seed)
            reasons = by_swaps(self.predictor, asked, self._background(pair, rng), *known, rng)
        user, item = (
            titled(side, ids[side], self.catalogue.side(side).label(codes[side])) for side in SIDES
        )
        return Explanation(
            self.name,
            ids["user"],
            ids["item"],
            (user, item),
            float(self.answer(pair).rating[0]),
            reasons,
        )

    def _background(self, asked: pd.DataFrame, rng: np.random.Generator) -> Batch:
        """DRAWS rated pairs whose ids training saw, drawn with equal chances, whatever their part.

        Each has the time and context of its own rating while the data is at hand, else those of
        `asked`."""
        user, item = self.catalogue.rated_user, self.catalogue.rated_item
        warm = self.support.trained("user", user) & self.support.trained("item", item)
        drawn = rng.choice(np.flatnonzero(warm), DRAWS)
        needs = self.features.needs() if self.features is not None else ()
        codes = Batch(user[drawn].astype(np.int64), item[drawn].astype(np.int64))
        if not needs:
            return codes
        pairs = pd.DataFrame(
            {
                side: pd.Series(self.catalogue.side(side).decode(getattr(codes, side)))
                for side in SIDES
            }
        )
        if self._evidence is None:
            return self.encoded(
                pairs.assign(**{name: asked[name].iloc[[0] * DRAWS].to_numpy() for name in needs})
            )
        ratings = self._evidence.dataset.ratings
        there = ratings.loc[ratings["user"].isin(pairs["user"]), [*SIDES, *needs]]
        return self.encoded(pairs.merge(there, on=[*SIDES], how="left"))

    def _ids(self, side: Side) -> pd.Index[Any]:
        return pd.Index(self.catalogue.side(side).ids, name=side)

    def _capability(self, name: str) -> Callable[[Side], np.ndarray]:
        if name not in self.provides:
            raise CapabilityError(f"{self.name} ({self.component}) has no {name}")
        found: Callable[[Side], np.ndarray] = getattr(self.predictor, name)
        return found


def _moment(value: object) -> pd.Timestamp:
    """A time that a person gave, as text or a date; DataError for what is none: a number has no unit."""
    try:
        if isinstance(value, bool | int | float | np.number):
            raise TypeError
        moment = pd.to_datetime(value)  # type: ignore[call-overload]
        if not isinstance(moment, pd.Timestamp):
            raise TypeError
        return moment
    except (TypeError, ValueError):
        raise DataError(
            f"context: time must be a time, such as '2001-02-03 04:05'; is {value!r}"
        ) from None


def unknown_ids(support: Support, pairs: pd.DataFrame, codes: Batch) -> UnknownIdError:
    """The error for pairs with ids that training never saw, where the recipe says `unknown: error`."""
    told = []
    for side in SIDES:
        cold = pairs[side][~support.trained(side, getattr(codes, side))].drop_duplicates()
        if len(cold):
            names = ", ".join(map(repr, cold.head(3).tolist())) + (", ..." if len(cold) > 3 else "")
            told.append(f"{len(cold)} {side}{'s' if len(cold) > 1 else ''} ({names})")
    return UnknownIdError(
        f"training never saw {' and '.join(told)}, and the recipe says `unknown: error`; "
        "name a cold-start strategy there (cfplug list cold-starts)"
    )
