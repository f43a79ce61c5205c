"""Calibration: shares and errors that equal their naive forms, for good and bad models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cfplug_factors.baselines import Offsets
from cfplug_insight import Calibration, calibration
from cfplug_insight.reliability import (
    Forecasts,
    at_least,
    drawn_from,
    each_level,
    expected_error,
    in_bins,
    most_probable,
    wilson,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cfplug import Context, Dataset, FittedModel, Section, Split
from cfplug.data.catalogue import Catalogue, Support
from cfplug.prediction.evidence import Evidence
from cfplug.report.elements import Interval
from cfplug.report.serialize import check_section

LEVELS = (0.5, 2.0, 3.5, 5.0)
TITLES = ["Heat", "<script>alert('1')</script>", "{{ 7 * 7 }} & %s"]


def rightly(
    n: int, rng: np.random.Generator, sharpness: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return distributions, shape (n, 4), and ratings drawn from them, as positions of levels."""
    distribution = rng.dirichlet(np.ones(4), n)
    truth = drawn_from(distribution, rng)
    reported = distribution**sharpness
    return reported / reported.sum(axis=1, keepdims=True), truth


def model(distribution: np.ndarray | None, truth: np.ndarray, n_items: int = 50) -> FittedModel:
    """The first rating is all of training; all others are held out."""
    n = len(truth)
    pairs = np.arange(n + 4)
    ratings = [*LEVELS, *np.array(LEVELS)[truth]]
    rated = pd.DataFrame({"user": pairs // n_items, "item": pairs % n_items, "rating": ratings})
    items = pd.DataFrame({"item": range(n_items), "title": [TITLES[i % 3] for i in range(n_items)]})
    dataset = Dataset.build("w", rated, items=items)
    catalogue, split = Catalogue.of(dataset), Split(np.arange(4), np.arange(4, n + 4))
    support = Support.of(catalogue.interactions(dataset.ratings, split.train), LEVELS)
    held_out = dataset.ratings.iloc[4:].reset_index(drop=True).assign(prediction=3.0, origin="warm")
    empty = pd.DataFrame()
    evidence = Evidence(dataset, split, "valid", held_out, distribution, empty, empty)
    offsets = Offsets(3.0, np.zeros(len(catalogue.user)), np.zeros(n_items))
    gives = ("distribution",)
    return FittedModel(
        "toy", "test/toy", 0, gives, catalogue, support, offsets, levels=LEVELS, evidence=evidence
    )


def section(fitted: FittedModel, **params: int) -> Section:
    context = Context(
        0, np.random.default_rng(0), "cpu", Path(), lambda done, message: None, lambda line: None
    )
    return check_section(calibration.calibration(Calibration(**params), fitted, context))


def of(n: int = 2000, sharpness: float = 1.0, **params: int) -> Section:
    return section(model(*rightly(n, np.random.default_rng(7), sharpness)), **params)


# The figures


@given(st.integers(1, 400), st.data())
@settings(max_examples=15)
def test_the_interval_of_a_share_is_wilsons(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    known = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert wilson(k / n, n) == pytest.approx((known.low, known.high), abs=1e-6)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40), st.integers(2, 12)
)
def test_bins_hold_all_claims_and_their_error_is_the_naive_one(
    claims: list[tuple[float, bool]], bins: int
) -> None:
    probability, happened = (np.array(each, dtype=float) for each in zip(*claims, strict=True))
    asked = Forecasts("x", probability, happened)
    found = list(in_bins(asked, bins))
    assert sum(each.count for each in found) == len(claims)
    assert all(each.low - 1e-9 <= each.predicted <= each.high + 1e-9 for each in found)
    naive = 0.0
    for b in range(bins):
        inside = [c for c in claims if min(int(c[0] * bins), bins - 1) == b]
        if inside:
            said, came = np.mean([p for p, _ in inside]), np.mean([h for _, h in inside])
            naive += len(inside) / len(claims) * abs(said - came)
    assert sum(
        each.count / len(claims) * abs(each.predicted - each.happened) for each in found
    ) == pytest.approx(naive)
    assert expected_error(asked, bins)[0] == pytest.approx(naive)


@given(st.integers(0, 50))
@settings(max_examples=10)
def test_claims_are_what_the_distribution_says(seed: int) -> None:
    distribution, truth = rightly(9, np.random.default_rng(seed))
    levels = np.array(LEVELS)
    best, *_ = [most_probable(distribution, truth)]
    above = at_least(distribution, truth, levels)
    each = each_level(distribution, truth, levels)
    assert [claims.name for claims in each] == ["rating 0.5", "rating 2", "rating 3.5", "rating 5"]
    assert [claims.name for claims in above] == ["2 or more", "3.5 or more", "5 or more"]
    for row in range(9):
        assert best.probability[row] == max(distribution[row])
        assert best.happened[row] == (int(distribution[row].argmax()) == truth[row])
        for k in range(4):
            assert (each[k].probability[row], each[k].happened[row]) == (
                distribution[row, k],
                truth[row] == k,
            )
        for k in range(1, 4):
            assert above[k - 1].probability[row] == pytest.approx(distribution[row, k:].sum())
            assert above[k - 1].happened[row] == (truth[row] >= k)


def test_ratings_drawn_from_a_distribution_have_its_shares() -> None:
    reported = np.tile([0.1, 0.0, 0.6, 0.3], (20_000, 1))
    shares = np.bincount(drawn_from(reported, np.random.default_rng(0)), minlength=4) / 20_000
    assert shares == pytest.approx([0.1, 0, 0.6, 0.3], abs=0.015)


# What is said


@pytest.mark.parametrize(
    ("sharpness", "word"),
    [(1.0, "is as sure as it should be"), (3.0, "is too sure"), (0.3, "is not sure enough")],
)
def test_a_model_is_called_overconfident_underconfident_or_calibrated(
    sharpness: float, word: str
) -> None:
    assert of(sharpness=sharpness).text[0].endswith(f"So on the whole the model {word}.")


def test_a_right_model_errs_by_what_chance_makes_of_it_and_a_wrong_one_by_far_more() -> None:
    for sharpness, least, most in ((1.0, 0.5, 1.6), (3.0, 4, 99)):
        for row in of(4000, sharpness).tables[0].rows:
            assert isinstance(row[1], Interval)
            assert row[1].low < row[1].value < row[1].high
            assert least < row[1].value / row[2] < most, row[0]


def test_the_interval_of_the_error_is_as_wide_as_the_errors_of_other_samples_spread() -> None:
    rng = np.random.default_rng(2)
    samples = [most_probable(*rightly(400, rng, 3.0)) for _ in range(60)]
    spread = np.std([100 * expected_error(each, 10)[0] for each in samples])
    found = of(400, 3.0).tables[0].rows[0][1]
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.4)


def test_the_share_of_each_level_is_next_to_its_prediction() -> None:
    distribution, truth = rightly(500, np.random.default_rng(3))
    found = section(model(distribution, truth)).tables[1]
    for k, (level, said, given_, spread) in enumerate(found.rows):
        assert level == f"{LEVELS[k]:g}"
        assert said == pytest.approx(100 * distribution[:, k].mean(), abs=0.06)
        assert given_.value == pytest.approx(100 * (truth == k).mean(), abs=0.06)
        assert spread == pytest.approx(100 * distribution[:, k].std(), abs=0.06)


def test_pictures_are_lines_to_measure_by_the_diagonal_without_thin_bins() -> None:
    *lines, bars = of().charts
    assert [chart.title for chart in lines] == [
        "Confidence: the most probable rating",
        "Probability of each rating",
        "Probability of a rating or more",
    ]
    for chart in lines:
        assert (chart.mark, chart.reference) == ("line", "diagonal")
        assert all(row[3] >= 20 for row in chart.rows)
        assert all(row[4] <= row[1] <= row[5] for row in chart.rows)
    assert {row[2] for row in lines[1].rows} == {"rating 0.5", "rating 2", "rating 3.5", "rating 5"}
    assert bars.mark == "bar"


def test_of_many_levels_ten_lines_are_drawn() -> None:
    claims = [Forecasts(f"rating {k}", np.linspace(0, 1, 300), np.ones(300)) for k in range(30)]
    chart = calibration._reliability("x", claims, 5)
    assert len({row[2] for row in chart.rows}) == 10
    assert {"rating 0", "rating 29"} <= {row[2] for row in chart.rows}
    assert chart.note.endswith("10 of the 30 are drawn.")


def test_examples_go_from_sure_to_unsure_and_mark_what_came() -> None:
    distribution, truth = rightly(300, np.random.default_rng(5))
    found = section(model(distribution, truth), examples=5)
    examples, bars = found.tables[-1], found.charts[-1]
    assert [row[0] for row in examples.rows] == [1, 2, 3, 4, 5]
    pairs = [[row[1] / 100 for row in bars.rows[4 * at : 4 * at + 4]] for at in range(5)]
    entropy = [stats.entropy(each) for each in pairs]
    assert entropy == sorted(entropy)
    exact = stats.entropy(distribution, axis=1)
    assert (entropy[0], entropy[-1]) == pytest.approx((exact.min(), exact.max()), abs=0.02)
    for at, row in enumerate(examples.rows):
        marked = [bar for bar in bars.rows[4 * at : 4 * at + 4] if bar[2] == "given"]
        assert [bar[0] for bar in marked] == [row[5]]
        assert marked[0][1] == row[6]
        assert row[4] == pytest.approx(100 * max(pairs[at]), abs=0.06)
    assert len({bar[3] for bar in bars.rows}) == 5
    assert any("<script>alert('1')</script>" in bar[3] for bar in bars.rows)


def test_no_examples_are_shown_where_none_are_asked_for() -> None:
    found = of(200, examples=0)
    assert (len(found.tables), len(found.charts)) == (3, 3)


def test_without_a_distribution_one_line_says_why() -> None:
    found = section(model(None, np.array([0, 1, 2])))
    assert found.text == (
        "There is no distribution for the held-out ratings: the strategy for unknown ids gives "
        "none.",
    )
    assert (found.tables, found.charts) == ((), ())


def test_of_very_many_ratings_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "MOST", 150)
    found = of(400)
    assert found.text[-1] == "These are 150 of the 400 held-out ratings, drawn at random."
    assert sum(row[1] for row in found.tables[2].rows) == 150


@pytest.mark.parametrize("n", [1, 2, 30])
def test_a_handful_of_ratings_makes_a_section_without_empty_pictures(n: int) -> None:
    found = of(n, examples=6)
    assert all(chart.rows for chart in found.charts)
    assert len(found.tables[-1].rows) == min(n, 6)


def test_no_interval_of_an_error_goes_below_zero() -> None:
    found = calibration._interval(np.array([1.0, *np.linspace(0, 10, 20)]))
    assert isinstance(found, Interval)
    assert (found.value, found.low) == (1, 0)
    assert found.high > 1
