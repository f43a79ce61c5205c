"""The anime effect: who the enthusiasts are, and what they add to a mean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from cfplug_audit import enthusiasts
from cfplug_audit.columns import columns
from cfplug_audit.enthusiasts import Rated, effects
from cfplug_audit.lots import lots
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Batch, Context, Dataset, FittedModel, Split
from cfplug.report.elements import Interval


def value(cell: Interval | float) -> float:
    return Interval.of(cell).value


@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=30).filter(any),
    st.sampled_from([0.05, 0.1, 0.3, 0.5, 0.9]),
)
def test_enthusiasts_are_the_started_share_of_the_raters_who_rated_most(
    counts: list[int], share: float
) -> None:
    found = enthusiasts.enthusiasts(np.array(counts), share)
    raters = sum(count > 0 for count in counts)
    assert share * raters - 1e-9 <= found.sum() < share * raters + 1
    assert np.array(counts)[found].min() >= np.array(counts)[~found].max(initial=0)


def anime(fit: Callable[..., FittedModel], fans: float, others: float) -> FittedModel:
    """40 people rate three of 12 anime; four more, the fans, rate all of them. All rate dramas 3 or 4."""
    rows = [(u, i, others + (u + i) % 2) for u in range(1, 41) for i in range(1 + u % 9, 4 + u % 9)]
    rows += [(u, i, fans) for u in range(41, 45) for i in range(1, 13)]
    rows += [(u, i, 3.0 + (u * i) % 2) for u in range(1, 45) for i in (13, 14, 15)]
    items = pd.DataFrame(
        {"item": range(1, 16), "genres": [("Anime",)] * 12 + [("Drama", "<b>")] * 3}
    )
    dataset = Dataset.build(
        "anime", pd.DataFrame(rows, columns=["user", "item", "rating"]), items=items
    )
    whole = np.arange(len(rows))
    return fit(dataset, Split(whole[:-1], whole[-1:]), np.random.default_rng(0))


def data_of(fitted: FittedModel, seed: int = 0) -> Rated:
    rng = np.random.default_rng(seed)
    seen: Batch = fitted.catalogue.encode(fitted.evidence.train)
    return Rated.of(fitted, seen, lots(len(fitted.catalogue.user), rng), rng)


def test_fans_lift_their_genre_and_no_other(fit: Callable[..., FittedModel]) -> None:
    fitted = anime(fit, fans=5.0, others=2.0)
    (genres,) = columns(fitted.evidence.dataset, "items", ("set",))
    found = {each.name: each for each in effects(data_of(fitted), genres, 0.09)[0]}
    assert isinstance(found["Anime"].change, Interval)
    assert found["Anime"].change.low > 0.1
    assert found["Anime"].raters == 44
    assert found["Anime"].share == pytest.approx(100 * 48 / 168, abs=0.05)
    assert abs(value(found["Drama"].change)) < 0.1
    words = enthusiasts.told(list(found.values()), 0.09)
    assert words.startswith(
        "1 of 3 groups of items are rated higher thanks to a few enthusiasts. Most of all Anime"
    )


def test_stricter_fans_are_told_as_that(fit: Callable[..., FittedModel]) -> None:
    fitted = anime(fit, fans=1.0, others=4.0)
    (genres,) = columns(fitted.evidence.dataset, "items", ("set",))
    found, _ = effects(data_of(fitted), genres, 0.09)
    words = enthusiasts.told(found, 0.09)
    assert words.startswith(
        "No group of items is lifted by a few enthusiasts beyond chance; 1 of 3 are lowered"
    )
    assert "give 28.6 % of its ratings" in words


def test_where_all_are_alike_nothing_is_claimed(fit: Callable[..., FittedModel]) -> None:
    rows = [(u, i, 3.0 + (u + i) % 2) for u in range(1, 41) for i in range(1, 9)]
    items = pd.DataFrame({"item": range(1, 9), "genres": [("A",)] * 5 + [("B",)] * 3})
    dataset = Dataset.build(
        "even", pd.DataFrame(rows, columns=["user", "item", "rating"]), items=items
    )
    fitted = fit(dataset, Split(np.arange(319), np.array([319])), np.random.default_rng(0))
    (genres,) = columns(dataset, "items", ("set",))
    words = enthusiasts.told(effects(data_of(fitted), genres, 0.1)[0], 0.1)
    assert words.startswith("No group of items is lifted or lowered by the 10 % of its raters")


@given(st.integers(0, 30), st.sampled_from([0.1, 0.4]))
@settings(max_examples=15, deadline=None)
def test_means_with_and_without_equal_the_naive_ones(
    make: Callable[..., FittedModel], seed: int, share: float
) -> None:
    fitted = make(users=41, ratings=600, seed=seed)
    train, dataset = fitted.evidence.train, fitted.evidence.dataset
    (genres,) = columns(dataset, "items", ("set",))
    found, theirs = effects(data_of(fitted, seed), genres, share)
    of_any = pd.Series(False, index=train.index)
    for effect in found:
        members = dataset.items["item"][
            [effect.name in (each or ("(none)",)) for each in dataset.items["genres"]]
        ]
        rows = train[train["item"].isin(members)]
        counts = rows.groupby("user").size().reindex(dataset.users["user"], fill_value=0)
        fans = counts.sort_values(ascending=False, kind="stable").index[
            : int(np.ceil(share * (counts > 0).sum()))
        ]
        rest = rows[~rows["user"].isin(fans)]
        of_any[rows.index[rows["user"].isin(fans)]] = True
        assert (effect.raters, effect.ratings) == ((counts > 0).sum(), len(rows))
        assert value(effect.with_them) == pytest.approx(rows["rating"].mean(), abs=6e-4)
        assert value(effect.without) == pytest.approx(rest["rating"].mean(), abs=6e-4)
        assert value(effect.change) == pytest.approx(
            rows["rating"].mean() - rest["rating"].mean(), abs=6e-4
        )
    if len(found) == len(genres.groups.names):
        assert theirs.tolist() == of_any.tolist()


def test_items_are_ranked_by_how_far_their_mean_falls(fit: Callable[..., FittedModel]) -> None:
    rows = [
        (u, i, 2.0 if u > 8 or i > 2 else 3.0 + i)
        for u in range(1, 61)
        for i in range(1, 5)
        if (u + i) % 4 or u < 9
    ]
    items = pd.DataFrame(
        {
            "item": range(1, 5),
            "title": ["Akira", "{{ x }}", "c", "d"],
            "genres": [("Anime",)] * 3 + [()],
        }
    )
    dataset = Dataset.build(
        "w", pd.DataFrame(rows, columns=["user", "item", "rating"]), items=items
    )
    fitted = fit(
        dataset,
        Split(np.arange(len(rows) - 1), np.array([len(rows) - 1])),
        np.random.default_rng(0),
    )
    (genres,) = columns(dataset, "items", ("set",))
    data = data_of(fitted)
    found, theirs = effects(data, genres, 0.13)
    (table,) = enthusiasts.item_table(fitted, data, "genres", theirs)
    assert [row[0] for row in table.rows] == ["{{ x }}", "Akira"]
    assert all(row[2] == 8 for row in table.rows)
    assert all(value(row[4]) == 2 for row in table.rows)
    assert found[0].name == "Anime"


def test_of_very_many_ratings_those_of_some_users_are_looked_at(
    make: Callable[..., FittedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = make(ratings=400)
    monkeypatch.setattr(enthusiasts, "MOST", 150)
    data = data_of(fitted)
    assert 100 < len(data.rating) <= 150
    count = np.bincount(data.user, minlength=len(data.lot))
    assert (count[count > 0] == fitted.support.count["user"][count > 0]).all()
    (words,) = data.words
    assert words == (
        f"Enthusiasts are looked for among {(count > 0).sum()} users, drawn at random: {len(data.rating)} ratings."
    )


def test_a_genre_with_few_raters_is_left_out(
    make: Callable[..., FittedModel], context: Callable[[], Context]
) -> None:
    fitted = make(users=12, ratings=150)
    (genres,) = columns(fitted.evidence.dataset, "items", ("set",))
    assert effects(data_of(fitted), genres, 0.1)[0] == []
