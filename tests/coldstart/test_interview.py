"""Interviews: which question comes next, and what answers, "not seen" among them, say of a user."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pytest
from cfplug_coldstart import FoldIn, Interview
from cfplug_coldstart.fold_in import fold_in, side_prior
from cfplug_coldstart.interview import ask, interview
from cfplug_coldstart.interview_model import (
    KEPT,
    SURE,
    Answers,
    JointPosterior,
    JointPrior,
    joint_posterior,
    joint_prior,
    most_rated,
)
from cfplug_coldstart.item_selection import ROUGH, UNSURE, by_variance, gains, greedy, importance
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Context, DataError, Dataset, FittedModel
from cfplug.data.catalogue import Catalogue, Support
from cfplug.prediction.interview import Questionnaire

quick = settings(max_examples=12, deadline=None)
FIXED = ("popular", "variance", "greedy")
every_choice = pytest.mark.parametrize("choose", [*FIXED, "adaptive"])


def drawn(seed: int, width: int = 3, candidates: int = 5, items: int = 8) -> JointPrior:
    """Any joint distribution of a vector and of what is seen; some items are no candidates."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(width + candidates, width + candidates))
    rate = rng.uniform(0.1, 0.9, candidates)
    chosen = rng.permutation(items)[:candidates]
    slopes, noise = rng.normal(size=(items, width)), rng.uniform(0.2, 2.0, items)
    cov = root @ root.T / len(root) + 0.05 * np.eye(len(root))
    return JointPrior(chosen, rng.normal(size=width), rate, cov, slopes, noise, evidence=True)


@st.composite
def heard(draw: st.DrawFn) -> tuple[JointPrior, list[tuple[int, float | None]]]:
    """Draw a distribution, and answers about different items: code, and residual or None."""
    both = drawn(draw(st.integers(0, 9999)))
    items = draw(st.lists(st.sampled_from(range(8)), unique=True, max_size=6))
    revealed = [draw(st.none() | st.floats(-3, 3)) for _ in items]
    return both, [
        (item, residual)
        for item, residual in zip(items, revealed, strict=True)
        if residual is not None or item in both.items
    ]


def answers_of(both: JointPrior, revealed: list[tuple[int, float | None]]) -> Answers:
    place = {int(item): place for place, item in enumerate(both.items)}
    asked = [(place[item], residual is not None) for item, residual in revealed if item in place]
    rated = [(item, residual) for item, residual in revealed if residual is not None]
    return Answers(
        np.array([place for place, _ in asked], dtype=np.int64),
        np.array([seen for _, seen in asked], dtype=np.float64),
        np.array([item for item, _ in rated], dtype=np.int64),
        np.array([residual for _, residual in rated]),
    )


def one_by_one(
    both: JointPrior, revealed: list[tuple[int, float | None]]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of (v, s), one observation after the other."""
    mean, cov, width = np.r_[np.zeros(both.width), both.rate], both.cov, both.width
    for item, residual in revealed:
        rows = [(np.eye(len(mean))[width + place], float(residual is not None), SURE)
                for place in np.flatnonzero(both.items == item)]  # fmt: skip
        if residual is not None:
            rows.append(
                (np.r_[both.slopes[item], np.zeros(len(both.items))], residual, both.noise[item])
            )
        for x, value, noise in rows:
            gain = cov @ x / (x @ cov @ x + noise)
            mean, cov = mean + gain * (value - x @ mean), cov - np.outer(gain, x @ cov)
    return mean, cov


@quick
@given(heard())
def test_the_posterior_is_that_of_one_answer_after_the_other_in_any_order(
    case: tuple[JointPrior, list[tuple[int, float | None]]],
) -> None:
    both, revealed = case
    found = joint_posterior(both, answers_of(both, revealed))
    mean, cov = one_by_one(both, revealed[::-1])
    prior = np.r_[np.zeros(both.width), both.rate]
    assert found.moved == pytest.approx(mean - prior, abs=1e-3)
    assert found.cov == pytest.approx(cov[:, : both.width], abs=1e-3)
    assert found.variance == pytest.approx(np.diag(cov)[both.width :], abs=1e-3)


@quick
@given(heard(), st.integers(0, 7), st.none() | st.floats(-3, 3))
def test_variance_never_grows_with_an_answer(
    case: tuple[JointPrior, list[tuple[int, float | None]]], item: int, residual: float | None
) -> None:
    both, revealed = case
    if item in dict(revealed) or (residual is None and item not in both.items):
        return
    width = both.width
    before, after = (
        joint_posterior(both, answers_of(both, each)).cov[:width]
        for each in (revealed, [*revealed, (item, residual)])
    )
    assert np.linalg.eigvalsh(before - after).min() > -1e-6


@quick
@given(st.integers(0, 9999))
def test_a_gain_is_what_a_rating_and_its_presence_are_expected_to_take_from_the_error(
    seed: int,
) -> None:
    both = drawn(seed)
    weight = np.cov(both.slopes.T)
    belief = joint_posterior(both, answers_of(both, [(int(both.items[0]), None)]))
    own = belief.cov[: both.width]
    for place in (1, 4):
        slope, noise = both.slopes[both.items[place]], both.noise[both.items[place]] + ROUGH
        rated = np.linalg.inv(np.linalg.inv(own) + np.outer(slope, slope) / noise)
        cross = belief.cov[both.width + place]
        known = own - np.outer(cross, cross) / belief.variance[place]
        chance = np.clip(both.rate[place] + belief.moved[both.width + place], *UNSURE)
        wanted = chance * np.trace(weight @ (own - rated)) + np.trace(weight @ (own - known))
        assert gains(both, belief, weight)[place] == pytest.approx(wanted, rel=1e-6)


@quick
@given(st.integers(0, 9999))
def test_the_greedy_list_takes_the_best_for_the_average_user_each_time(seed: int) -> None:
    both = drawn(seed)
    weight, own, left, order = np.cov(both.slopes.T), both.cov[:3, :3], set(range(5)), []
    while left:
        after = {}
        for place in left:
            slope = both.slopes[both.items[place]]
            noise = (both.noise[both.items[place]] + ROUGH) / both.rate[place]
            after[place] = np.linalg.inv(np.linalg.inv(own) + np.outer(slope, slope) / noise)
        best = min(left, key=lambda place: float(np.trace(weight @ after[place])))
        own = after[best]
        left.remove(best)
        order.append(best)
    assert greedy(both, weight).tolist() == order


def test_without_evidence_what_is_seen_counts_for_no_gain() -> None:
    both = attrs.evolve(drawn(3), evidence=False)
    weight, nothing = np.eye(3), answers_of(both, [])
    assert (
        gains(both, joint_posterior(both, nothing), weight)
        < gains(drawn(3), joint_posterior(both, nothing), weight)
    ).all()


def test_the_joint_distribution_is_that_of_the_warm_users(town: Callable[..., Any]) -> None:
    model = town().model
    known = side_prior(FoldIn(), model, "user").population
    items = most_rated(model, 7)
    found = joint_prior(model, known, items, 0.75, evidence=True)
    warm = np.flatnonzero(model.support.count["user"])
    train = model.train.batch
    pairs = set(zip(train.user, train.item, strict=True))
    seen = np.array([[(user, item) in pairs for item in items] for user in warm], dtype=float)
    apart = (known.vectors - known.prior)[warm]
    weight = np.sqrt(model.support.count["user"][warm])
    naive = np.cov(np.hstack([apart, seen]).T, aweights=weight, ddof=0)
    assert found.rate == pytest.approx(0.75 * np.average(seen, axis=0, weights=weight))
    assert found.shift == pytest.approx(np.average(apart, axis=0, weights=weight))
    assert found.cov[:3, 3:] == pytest.approx(0.75 * np.sqrt(KEPT) * naive[:3, 3:])
    off = ~np.eye(7, dtype=bool)
    assert found.cov[3:, 3:][off] == pytest.approx(0.75**2 * KEPT * naive[3:, 3:][off])
    assert np.diag(found.cov)[3:] == pytest.approx(found.rate * (1 - found.rate))
    doubt = []
    for user in warm:
        slopes = known.slopes[train.item[train.user == user]]
        noise = known.noise[train.item[train.user == user], None]
        doubt.append(np.linalg.inv(np.linalg.inv(known.cov) + slopes.T @ (slopes / noise)))
    assert found.cov[:3, :3] == pytest.approx(
        naive[:3, :3] + np.average(doubt, axis=0, weights=weight)
    )
    assert np.linalg.eigvalsh(found.cov).min() > 0


def modelled(
    town: Callable[..., Any],
    ratings: pd.DataFrame,
    users: np.ndarray,
    items: np.ndarray,
    names: dict[str, list[str]] | None = None,
) -> FittedModel:
    """Return a model with the true vectors of all ids, in the order of `names`, and all ratings."""
    catalogue = Catalogue.of(Dataset.build("made", ratings))
    of = {}
    for side, vectors in (("user", users), ("item", items)):
        ids = list(range(len(vectors))) if names is None else names[side]
        of[side] = vectors[[ids.index(each) for each in catalogue.side(side).ids]]  # type: ignore[arg-type]
    train = catalogue.interactions(ratings, np.arange(len(ratings)))
    support = attrs.evolve(Support.of(train, ()), rated=catalogue.which(train.batch))
    return FittedModel(
        "made", "test/made", 0, ("vectors",), catalogue, support, type(town().model.predictor)(of)
    )


def kinds(town: Callable[..., Any]) -> FittedModel:
    """Lovers of westerns see and like nearly all of those and little else; others the reverse."""
    rng = np.random.default_rng(4)
    lover, western = np.arange(70) < 30, np.arange(24) < 10
    seen = rng.random((70, 24)) < np.where(lover[:, None] == western, 0.85, 0.1)
    users = np.column_stack(
        [np.where(lover, 1.0, -1.0), np.zeros(70), np.zeros(70)]
    ) + 0.1 * rng.normal(size=(70, 3))
    items = np.column_stack([np.where(western, 0.8, -0.8), np.zeros(24), np.zeros(24)])
    items += 0.1 * rng.normal(size=(24, 3))
    user, item = np.nonzero(seen)
    rating = 3 + (users[user] * items[item]).sum(axis=1) + 0.5 * rng.normal(size=len(user))
    ratings = pd.DataFrame({"user": user, "item": item, "rating": rating})
    names = {
        "user": [f"ü <{code}>" for code in range(70)],
        "item": [f"{'west' if each else 'other'} {code}" for code, each in enumerate(western)],
    }
    return modelled(
        town,
        ratings.assign(**{side: np.array(names[side])[ratings[side]] for side in names}),
        users,
        items,
        names,
    )


def said(
    model: FittedModel, params: Interview, *revealed: tuple[str, float], of: str, quiet: Context
) -> Any:
    """What an interview says of a newcomer's rating of `of`, after some answers."""
    rows = pd.DataFrame(
        [("new", item, rating) for item, rating in revealed], columns=["user", "item", "rating"]
    )
    newcomers = model.newcomers(users=pd.DataFrame({"user": ["new"]}), ratings=rows)
    return interview(params, model, newcomers, quiet), pd.DataFrame({"user": ["new"], "item": [of]})


def test_not_seen_says_what_a_newcomer_will_like(town: Callable[..., Any], quiet: Context) -> None:
    model, answer = kinds(town), ("west 3", float("nan"))
    for params, moves in ((Interview(), True), (Interview(not_seen=False), False)):
        silent, pair = said(model, params, of="west 5", quiet=quiet)
        revealed, _ = said(model, params, answer, of="west 5", quiet=quiet)
        assert (revealed.predict(pair) < silent.predict(pair) - 0.2).all() == moves
        assert (revealed.deviation(pair) < silent.deviation(pair)).all() == moves
        assert revealed.origins(pair).tolist() == ["folded-in" if moves else "mean"]
        assert silent.origins(pair).tolist() == ["mean"]


def test_the_next_question_depends_on_the_answers(town: Callable[..., Any], quiet: Context) -> None:
    asked = ask(Interview(), kinds(town), quiet)
    first = asked.next({})
    kind = first.split()[0]
    unseen = asked.next({first: None})
    seen = asked.next({first: 3.0})
    assert not unseen.startswith(kind)
    assert seen.startswith(kind)


@every_choice
def test_every_candidate_is_asked_about_once_and_then_nothing(
    town: Callable[..., Any], quiet: Context, choose: str
) -> None:
    model = town().model
    asked = ask(Interview(choose=choose, candidates=9), model, quiet)
    revealed = list(Questionnaire(model, asked).conversation({3: 4.0, 10: 1.0}.get, 50))
    items = [item for item, _ in revealed]
    assert sorted(items) == sorted(model.catalogue.item.decode(most_rated(model, 9)))
    assert asked.next(dict(revealed)) is None


@pytest.mark.parametrize("choose", FIXED)
def test_a_fixed_list_is_the_same_for_every_user(
    town: Callable[..., Any], quiet: Context, choose: str
) -> None:
    model = town().model
    asked = ask(Interview(choose=choose), model, quiet)
    lists = [
        [item for item, _ in Questionnaire(model, asked).conversation(answer, 20)]
        for answer in (lambda item: None, lambda item: 1.0, lambda item: 5.0 if item % 2 else None)
    ]
    assert lists[0] == lists[1] == lists[2]


def test_the_popular_list_starts_with_what_most_have_rated(
    town: Callable[..., Any], quiet: Context
) -> None:
    model = town().model
    items = [
        item
        for item, _ in Questionnaire(
            model, ask(Interview(choose="popular"), model, quiet)
        ).conversation({}.get, 10)
    ]
    count = pd.Series(model.support.count["item"], model.catalogue.item.ids)
    assert count[items].tolist() == sorted(count, reverse=True)[:10]


def test_the_variance_list_goes_by_log_of_popularity_times_variance(
    town: Callable[..., Any],
) -> None:
    counts, spreads = (
        np.array([90, 60, 40, 24, 12, 6, 4, 2]),
        np.array([1.0, 1.0, 1.15, 1.1, 1.2, 1.0, 1.0, 1.0]),
    )
    item = np.repeat(np.arange(8), counts)
    user = np.concatenate([np.arange(count) for count in counts])
    ratings = pd.DataFrame(
        {"user": user, "item": item, "rating": 3 + spreads[item] * (-1.0) ** user}
    )
    model = modelled(town, ratings, np.zeros((90, 3)), np.zeros((8, 3)))
    items = most_rated(model, 7)
    naive = np.argsort(-np.log(counts[:7]) * spreads[:7] ** 2)
    assert model.catalogue.item.decode(items[by_variance(model, items)]) == naive.tolist()
    assert naive[0] == 2
    assert np.argmax(np.sqrt(counts) * spreads**2) == 0


def answered(here: Any, n: int, unseen: int) -> pd.DataFrame:
    """`n` ratings of each new user, of which the first `unseen` are said to be not seen."""
    ratings = here.dataset.ratings
    own = ratings[
        ratings["user"].isin(here.cold["user"]) & ~ratings["item"].isin(here.cold["item"])
    ]
    place = own.groupby("user").cumcount()
    own = own.assign(rating=own["rating"].mask(place < unseen))
    return own[place < n].reset_index(drop=True)


@pytest.mark.parametrize("candidates", [1, 120])
@pytest.mark.parametrize("n", [0, 4])
def test_with_ratings_alone_as_evidence_it_is_fold_in(
    town: Callable[..., Any], quiet: Context, n: int, candidates: int
) -> None:
    here = town(matters=0.5)
    for new in (("user",), ("item",), ("user", "item")):
        pairs = here.pairs(*new)
        newcomers = here.newcomers(pairs, answered(here, n, 1))
        found = interview(
            Interview(not_seen=False, candidates=candidates), here.model, newcomers, quiet
        )
        same = fold_in(FoldIn(), here.model, newcomers, quiet)
        assert found.predict(pairs) == pytest.approx(same.predict(pairs))
        assert found.deviation(pairs) == pytest.approx(same.deviation(pairs))
        assert (found.origins(pairs) == same.origins(pairs)).all()


def test_a_rating_of_no_candidate_counts_as_a_rating(
    town: Callable[..., Any], quiet: Context
) -> None:
    model = kinds(town)
    params = Interview(candidates=1)
    (only,) = model.catalogue.item.decode(most_rated(model, 1))
    other = next(item for item in ("west 3", "west 4") if item != only)
    silent, pair = said(model, params, of="west 5", quiet=quiet)
    revealed, _ = said(model, params, (other, 6.0), of="west 5", quiet=quiet)
    ignored, _ = said(model, params, (other, float("nan")), of="west 5", quiet=quiet)
    assert revealed.predict(pair) > silent.predict(pair)
    assert ignored.predict(pair) == silent.predict(pair)
    assert ignored.origins(pair).tolist() == ["mean"]


def test_the_order_of_answers_does_not_matter(town: Callable[..., Any], quiet: Context) -> None:
    here = town(matters=0.5)
    pairs, ratings = here.pairs("user"), answered(here, 6, 3)
    one, two = (
        interview(Interview(), here.model, here.newcomers(pairs, each), quiet)
        for each in (ratings, ratings.iloc[::-1].reset_index(drop=True))
    )
    assert one.predict(pairs) == pytest.approx(two.predict(pairs))
    assert one.deviation(pairs) == pytest.approx(two.deviation(pairs))


def test_nothing_is_learned_of_ratings_that_were_not_revealed(
    town: Callable[..., Any], quiet: Context
) -> None:
    answers = []
    for here in (town(matters=0.5), town(matters=0.5, cold_rating=99.0)):
        pairs, ratings = here.pairs("user"), answered(town(matters=0.5), 4, 2)
        found = interview(Interview(), here.model, here.newcomers(pairs, ratings), quiet)
        lists = [
            [
                item
                for item, _ in Questionnaire(
                    here.model, ask(Interview(choose=each), here.model, quiet)
                ).conversation({3: 1.0}.get, 9)
            ]
            for each in (*FIXED, "adaptive")
        ]
        answers.append((found.predict(pairs), found.deviation(pairs), lists))
    assert (answers[0][0] == answers[1][0]).all()
    assert (answers[0][1] == answers[1][1]).all()
    assert answers[0][2] == answers[1][2]


def test_an_answer_about_an_unknown_item_is_ignored(
    town: Callable[..., Any], quiet: Context
) -> None:
    asked = ask(Interview(), kinds(town), quiet)
    lists = []
    for strangers in ({}, {f"nobody {number}": 9.0 for number in range(6)}):
        answers: dict[str, float | None] = dict(strangers)
        while (item := asked.next(answers)) is not None:
            answers[item] = 3.0 if len(answers) % 3 else None
        lists.append([item for item in answers if item not in strangers])
    assert lists[0] == lists[1]
    assert len(lists[0]) == 24


def test_before_any_answer_newcomers_are_expected_to_be_as_those_who_rate_much(
    town: Callable[..., Any], quiet: Context
) -> None:
    here = town(matters=0.5)
    newcomers = here.newcomers(here.pairs("user"))
    found = interview(Interview(), here.model, newcomers, quiet).sides["user"].posterior.mean
    prior = fold_in(FoldIn(), here.model, newcomers, quiet).sides["user"].posterior.mean
    known = side_prior(FoldIn(), here.model, "user").population
    both = joint_prior(here.model, known, most_rated(here.model, 120), 1.0, evidence=True)
    assert found == pytest.approx(prior + both.shift)
    assert np.abs(both.shift).max() > 1e-6


def test_importance_weighs_items_by_their_ratings(town: Callable[..., Any]) -> None:
    model = town().model
    slopes = np.random.default_rng(1).normal(size=(len(model.catalogue.item), 2))
    naive = np.mean(
        [np.outer(slopes[item], slopes[item]) for item in model.train.batch.item], axis=0
    )
    assert importance(model, slopes) == pytest.approx(naive)


def test_an_unknown_column_is_refused(town: Callable[..., Any], quiet: Context) -> None:
    wrong = "columns: nothing called agee is known of users or items; did you mean age?"
    with pytest.raises(DataError, match=re.escape(wrong)):
        ask(Interview(columns=("agee",)), town().model, quiet)


def test_a_belief_without_answers_is_the_prior() -> None:
    both = drawn(7)
    found = joint_posterior(both, answers_of(both, []))
    assert isinstance(found, JointPosterior)
    assert not found.moved.any()
    assert (found.cov == both.cov[:, :3]).all()
