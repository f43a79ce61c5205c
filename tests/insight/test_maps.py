"""The map of the factors: what it shows of known data, whatever the order of rows and ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attrs import evolve, frozen
from cfplug_insight import EmbeddingMap, cfplug_analyzers
from cfplug_insight.colors import color_by, name_of
from cfplug_insight.maps import embedding_map, principal, spread
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Chart, Context, DataError, Dataset, FittedModel, Section, Split
from cfplug.data.catalogue import Catalogue, Support
from cfplug.errors import CapabilityError
from cfplug.prediction.evidence import Evidence

QUIET = Context(
    0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
)

N_USERS, N_ITEMS, N = 11, 17, 100
HOSTILE = "<script>alert('1')</script>"


@frozen(eq=False)
class Factors:
    """Factors alone, by side."""

    tables: dict[str, np.ndarray]

    def embeddings(self, side: str) -> np.ndarray:
        return self.tables[side]


def dataset(order: Any = range(N_ITEMS)) -> Dataset:
    """Return a model of 100 ratings; item 17 has none in training.

    `order` is that of the rows of the items table.
    """
    rng = np.random.default_rng(1)
    user, item = np.divmod(rng.permutation(N_USERS * (N_ITEMS - 1))[: N - 1], N_ITEMS - 1)
    ratings = pd.DataFrame({"user": [*(user + 1), 1], "item": [*(item + 1), N_ITEMS]})
    ratings["rating"] = [*rng.integers(1, 6, N - 1).astype(float), 5.0]
    words = [HOSTILE if each == 1 else f"Film {each}" for each in range(1, N_ITEMS + 1)]
    items = pd.DataFrame(
        {
            "item": range(1, N_ITEMS + 1),
            "title": words,
            "year": [np.nan, *range(1980, 1979 + N_ITEMS)],
            "out": [None, *pd.date_range("1990-03-01", periods=N_ITEMS - 1, freq="366D")],
            "genres": [("war", "noir")[: each % 3] for each in range(N_ITEMS)],
            "medium": [f"kind {each % 10}" for each in range(N_ITEMS)],
            "plot": [f"Nothing like the others {each}" for each in range(N_ITEMS)],
        }
    )
    users = pd.DataFrame(
        {"user": range(1, N_USERS + 1), "age": [20.0 + n for n in range(N_USERS - 1)] + [None]}
    )
    users["sex"] = ["f", "m", None] * 3 + ["f", "m"]
    roles = {"items": {"medium": "category", "plot": "text"}, "users": {"sex": "category"}}
    return Dataset.build("films", ratings, users, items.iloc[list(order)], roles=roles)


def factors(width: int = 4, seed: int = 0) -> dict[str, np.ndarray]:
    """Of widely differing spread by direction, so that no two components are near each other."""
    rng = np.random.default_rng(seed)
    spread = 2.0 ** -np.arange(width)
    return {
        side: rng.normal(size=(n, width)) * spread
        for side, n in (("user", N_USERS), ("item", N_ITEMS))
    }


def model(tables: dict[str, np.ndarray] | None = None, order: Any = range(N_ITEMS)) -> FittedModel:
    """The factors of items are in the order of ids, whatever the `order` of the table."""
    data = dataset(order)
    catalogue, split = Catalogue.of(data), Split(np.arange(N - 1), np.arange(N - 1, N))
    support = Support.of(catalogue.interactions(data.ratings, split.train))
    tables = tables or factors()
    tables = {**tables, "item": tables["item"][list(order)]}
    none = pd.DataFrame()
    evidence = Evidence(data, split, "valid", data.ratings.iloc[split.valid], None, none, none)
    gives = ("embeddings",)
    return FittedModel(
        "pmf", "test/pmf", 0, gives, catalogue, support, Factors(tables), evidence=evidence
    )


def the_map(section: Section) -> Chart:
    return section.charts[0]


def column(chart: Chart, name: str) -> list[Any]:
    return [row[chart.columns.index(name)] for row in chart.rows]


# What it shows


def test_the_first_component_is_the_direction_of_most_difference() -> None:
    """Items are on a line by id; the other two directions are a hundredth of it."""
    rng = np.random.default_rng(3)
    line = np.arange(N_ITEMS)[:, None] * np.array([[0.6, 0.0, 0.8]]) + 0.01 * rng.normal(
        size=(N_ITEMS, 3)
    )
    section = embedding_map(EmbeddingMap(ends=3), model({**factors(), "item": line}), QUIET)
    table = section.tables[0]
    assert table.title == "Both ends of component 1 (100.0 % of the variance)"
    assert [row[0] for row in table.rows] == [HOSTILE, "Film 2", "Film 3"]
    assert [row[2] for row in table.rows] == ["Film 16", "Film 15", "Film 14"], (
        "training saw no rating of 17"
    )
    assert table.rows[0][1] == pytest.approx(-7.5, abs=0.05)
    assert (
        "the first 3 components hold 100.0 %, 0.0 % and 0.0 %; if none stood out, each would hold "
        "33.3 %" in (section.text[1])
    )


def test_the_places_are_centred_and_the_shares_are_of_the_variance() -> None:
    found = principal(model(), "item", 1000)
    assert found.place.mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-12)
    variance = np.var(factors()["item"][: N_ITEMS - 1], axis=0).sum()
    assert found.share == pytest.approx(np.var(found.place, axis=0) / variance)
    assert found.share.sum() == pytest.approx(1)
    assert sorted(found.share, reverse=True) == found.share.tolist()


def test_the_map_shows_the_two_components_that_are_asked_for() -> None:
    one = model()
    chart = the_map(
        embedding_map(EmbeddingMap(components=(1, 3), color="mean rating", labels=2), one, QUIET)
    )
    assert (chart.mark, chart.x, chart.y, chart.color) == (
        "point",
        "component 1",
        "component 3",
        "mean rating",
    )
    assert chart.label == "label"
    found = principal(one, "item", 1000)
    places = {
        f"{one.catalogue.item.label(code)}": found.place[at] for at, code in enumerate(found.codes)
    }
    for title, x, y in zip(
        column(chart, "item"), column(chart, chart.x), column(chart, chart.y), strict=True
    ):
        assert (x, y) == pytest.approx((places[title][0], places[title][2]), abs=5e-4)
    titles = dict(zip(one.catalogue.item.ids, one.catalogue.item.labels or (), strict=True))
    train = one.evidence.train.assign(title=one.evidence.train["item"].map(titles)).groupby(
        "title"
    )["rating"]
    assert (
        dict(zip(column(chart, "item"), column(chart, "ratings"), strict=True))
        == train.count().to_dict()
    )
    means = dict(zip(column(chart, "item"), column(chart, "mean rating"), strict=True))
    assert means == pytest.approx(train.mean().to_dict(), abs=5e-3)


def test_only_the_most_rated_are_on_the_map() -> None:
    one = model()
    chart = the_map(embedding_map(EmbeddingMap(most_rated=5), one, QUIET))
    count = one.support.count["item"]
    assert sorted(column(chart, "ratings")) == sorted(sorted(count.tolist())[-5:])


def test_labels_are_on_the_first_rows_and_there_are_as_many_as_asked_for() -> None:
    for labels in (0, 1, 6, 99):
        chart = the_map(embedding_map(EmbeddingMap(labels=labels), model(), QUIET))
        shown = column(chart, chart.label)
        n = min(labels, N_ITEMS - 1)
        assert shown[:n] == column(chart, "item")[:n]
        assert set(shown[n:]) <= {""}


def test_few_points_are_drawn_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfplug_insight.maps.POINTS", 7)
    chart = the_map(embedding_map(EmbeddingMap(color="year"), model(), QUIET))
    assert len(chart.rows) == 7
    assert chart.note == "The 7 most rated are drawn. "


def test_every_cell_is_plain() -> None:
    for color in ("", "year", "medium", "out", "mean rating"):
        section = embedding_map(EmbeddingMap(color=color), model(), QUIET)
        shown = [*section.tables, *(chart.table() for chart in section.charts)]
        cells = [cell for table in shown for row in table.rows for cell in row]
        assert {type(cell) for cell in cells} <= {str, int, float, type(None)}
        assert all(np.isfinite(cell) for cell in cells if isinstance(cell, float))


# What does not matter


def shown(section: Section) -> tuple[Any, ...]:
    """Each point's place by its title, the ends, the shares."""
    chart = the_map(section)
    places = {row[0]: tuple(round(cell, 2) + 0.0 for cell in row[1:3]) for row in chart.rows}
    ends = [[(row[0], row[2]) for row in table.rows] for table in section.tables]
    return places, ends, section.charts[1].rows


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(N_ITEMS)), seed=st.integers(0, 50))
def test_the_order_of_ids_does_not_matter_nor_turn_the_map_round(
    order: list[int], seed: int
) -> None:
    tables = factors(seed=seed)
    one, other = (
        embedding_map(EmbeddingMap(ends=3), model(tables, each), QUIET)
        for each in (range(N_ITEMS), order)
    )
    places, ends, shares = shown(one)
    others = shown(other)
    assert others[0].keys() == places.keys()
    for title, place in others[0].items():
        assert place == pytest.approx(places[title], abs=0.011)
    assert (others[1], others[2]) == (ends, shares)


@settings(max_examples=15, deadline=None)
@given(
    signs=st.lists(st.sampled_from([-1.0, 1.0]), min_size=4, max_size=4), shift=st.integers(-5, 5)
)
def test_the_center_of_the_factors_does_not_matter(signs: list[float], shift: int) -> None:
    moved = {**factors(), "item": factors()["item"] + shift * np.array(signs)}
    one, other = (principal(model(tables), "item", 1000) for tables in (factors(), moved))
    np.testing.assert_allclose(other.place, one.place, atol=1e-9)


def test_the_largest_loading_of_every_component_is_above_zero() -> None:
    """So mirrored factors give a mirrored map, place by place."""
    for seed in range(6):
        tables = factors(seed=seed)
        found = principal(model(tables), "item", 1000)
        centred = tables["item"][found.codes] - tables["item"][found.codes].mean(axis=0)
        loadings = np.linalg.lstsq(centred, found.place, rcond=None)[0]
        assert (loadings[np.abs(loadings).argmax(axis=0), range(4)] > 0).all()


@settings(max_examples=20, deadline=None)
@given(
    place=st.lists(st.tuples(st.integers(-5, 5), st.integers(-9, 9)), max_size=30),
    n=st.integers(0, 40),
)
def test_labels_are_spread_over_the_map_and_go_to_the_first_of_each_field(
    place: list[Any], n: int
) -> None:
    points = np.array(place, dtype=float).reshape(-1, 2)
    chosen = spread(points, n)
    assert len(chosen) == len(set(chosen)) == min(n, len(points))
    if not chosen:
        return
    side = int(np.ceil(np.sqrt(n)))
    low, width = points.min(axis=0), np.where(np.ptp(points, axis=0) > 0, np.ptp(points, axis=0), 1)
    fields = [
        tuple(np.minimum((point - low) / width * side, side - 1).astype(int)) for point in points
    ]
    firsts = [row for row, each in enumerate(fields) if each not in fields[:row]]
    rest = [row for row in range(len(points)) if row not in firsts]
    assert chosen == (firsts[:n] + rest)[:n]


# Colours


def test_the_first_column_that_serves_is_the_colour() -> None:
    assert color_by(model(), "item", "").title == "genres"
    assert color_by(model(), "user", "").title == "sex"
    bare = Dataset.build("bare", dataset().ratings)
    one = evolve(model(), evidence=evolve(model().evidence, dataset=bare))
    found = color_by(one, "item", "")
    assert found.title == "mean rating"
    assert found.values[N_ITEMS - 1] is None


@pytest.mark.parametrize(
    ("name", "title", "first"),
    [
        ("genres", "genres", ("not known", "war", "war", "not known")),
        ("medium", "medium", ("kind 0", "kind 1", "kind 2", "kind 3")),
        ("year", "year", (None, 1980, 1981, 1982)),
        ("out", "year of out", (None, 1990, 1991, 1992)),
    ],
)
def test_a_column_of_any_kind_can_be_the_colour(
    name: str, title: str, first: tuple[Any, ...]
) -> None:
    found = color_by(model(), "item", name)
    assert (found.title, found.values[:4], len(found.values)) == (title, first, N_ITEMS)


def test_every_point_has_the_colour_of_its_own_id() -> None:
    one = model(order=[*range(3, N_ITEMS), 0, 1, 2])
    chart = the_map(embedding_map(EmbeddingMap(color="year"), one, QUIET))
    items = one.evidence.dataset.items.set_index("title")["year"]
    years = dict(zip(column(chart, "item"), column(chart, "year"), strict=True))
    assert years.pop(HOSTILE) is None
    assert years == {title: items[title] for title in years}
    assert len(years) == N_ITEMS - 2


def test_eight_categories_have_a_colour_and_a_missing_one_is_reported() -> None:
    medium = color_by(model(), "item", "medium").values
    assert medium.count("other") == 2
    assert len(set(medium)) == 9
    assert color_by(model(), "user", "sex").values[:3] == ("f", "m", "not known")


def test_of_a_set_the_first_frequent_member_is_the_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfplug_insight.colors.MOST", 1)
    assert color_by(model(), "item", "genres").values[:3] == ("not known", "war", "war")
    data = model().evidence.dataset
    items = data.items.assign(
        genres=[("noir", "war"), ("noir",), ("war",)] + [("war",)] * (N_ITEMS - 3)
    )
    one = evolve(model(), evidence=evolve(model().evidence, dataset=evolve(data, items=items)))
    assert color_by(one, "item", "genres").values[:3] == ("war", "other", "war")


@pytest.mark.parametrize(
    ("params", "reported"),
    [
        (
            EmbeddingMap(color="genre"),
            "embedding-map: color: items has no column called 'genre'; did you mean genres? "
            "(genres, medium, year, out, mean rating)",
        ),
        (
            EmbeddingMap(color="title"),
            "embedding-map: color: title has the role label, which cannot be a color",
        ),
        (
            EmbeddingMap(color="plot"),
            "embedding-map: color: plot has the role text, which cannot be a color",
        ),
        (
            EmbeddingMap(components=(2, 2)),
            "embedding-map: components: a map needs two different ones; is [2, 2]",
        ),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(params: EmbeddingMap, reported: str) -> None:
    with pytest.raises(DataError) as raised:
        embedding_map(params, model(), QUIET)
    assert str(raised.value) == reported


def test_a_colour_named_like_another_column_of_the_map_is_distinguished() -> None:
    data = model().evidence.dataset
    clash = evolve(
        data,
        items=data.items.rename(columns={"year": "ratings"}),
        roles={**data.roles, "items": {"item": "id", "title": "label", "ratings": "number"}},
    )
    one = evolve(model(), evidence=evolve(model().evidence, dataset=clash))
    chart = the_map(embedding_map(EmbeddingMap(color="ratings"), one, QUIET))
    assert chart.color == "ratings of items"
    assert 1980 in column(chart, "ratings of items")


# Users, and what cannot be shown


def test_users_are_described_with_their_metadata() -> None:
    one = model()
    assert [name_of(one, "user", code) for code in (0, 2, 10)] == [
        "user 1 (20, f)",
        "user 3 (22)",
        "user 11 (m)",
    ]
    assert name_of(one, "item", 0) == HOSTILE
    section = embedding_map(EmbeddingMap(side="user", ends=2), one, QUIET)
    assert section.title == "Map of the users by what pmf learned"
    assert section.tables[0].columns[0] == "users at the low end"
    assert all(title.startswith("user ") for title in column(the_map(section), "user"))


@pytest.mark.parametrize(
    ("table", "most_rated", "reported"),
    [
        (np.zeros((N_ITEMS, 3)), 9, "0 (items: 9, factors of each: 3)."),
        (factors(1)["item"], 9, "1 (items: 9, factors of each: 1)."),
        (factors()["item"], 1, "0 (items: 1, factors of each: 4)."),
        (factors()["item"], 2, "1 (items: 2, factors of each: 4)."),
    ],
)
def test_a_missing_second_direction_is_reported(
    table: np.ndarray, most_rated: int, reported: str
) -> None:
    section = embedding_map(
        EmbeddingMap(most_rated=most_rated), model({**factors(), "item": table}), QUIET
    )
    assert section.text == (
        "There is no map: it was to show component 2 of the factors, and as many as they have are "
        f"{reported}",
    )
    assert (section.tables, section.charts) == ((), ())


def test_two_factors_make_a_map_too() -> None:
    section = embedding_map(EmbeddingMap(), model(factors(2)), QUIET)
    assert len(section.tables) == 2
    assert "the first 2 components hold" in section.text[1]


def test_a_model_without_embeddings_is_refused() -> None:
    with pytest.raises(CapabilityError, match=r"^pmf \(test/pmf\) has no embeddings$"):
        embedding_map(EmbeddingMap(), evolve(model(), provides=()), QUIET)
    declared = {each.name: each for each in cfplug_analyzers()}["embedding-map"]
    assert (declared.requires, declared.function("analyze")) == (("embeddings",), embedding_map)
