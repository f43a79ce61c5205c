"""Comparisons of models: properties of every number, and what cannot be compared."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import DataError
from cfplug.errors import CapabilityError
from cfplug.evaluation import comparison, resampling
from cfplug.evaluation.comparison import (
    METRICS,
    ComparedModel,
    Cost,
    compare,
    holm,
    signed_rank,
)

METRIC = st.sampled_from(METRICS)
SEEDS = (7, 3, 5)
quick = settings(deadline=None, max_examples=12)


def rows_of(
    rng: np.random.Generator,
    users: int,
    items: int,
    seeds: Sequence[int],
    fold: str = "",
    part: str = "valid",
) -> pd.DataFrame:
    """Return random ratings, others for each seed; every seed has at least one."""
    pairs = pd.MultiIndex.from_product(
        [range(users), range(items)], names=["user", "item"]
    ).to_frame(index=False)
    drawn = [
        pairs.sample(int(rng.integers(1, len(pairs) + 1)), random_state=rng).assign(
            seed=seed, fold=fold, part=part
        )
        for seed in seeds
    ]
    rows = pd.concat(drawn, ignore_index=True)
    return rows.assign(rating=rng.integers(1, 6, len(rows)).astype(float))


def answers(
    rng: np.random.Generator, rows: pd.DataFrame, models: Sequence[str]
) -> dict[str, pd.DataFrame]:
    return {
        name: rows.assign(prediction=rows["rating"] + rng.normal(0.1, 1 + 0.2 * number, len(rows)))
        for number, name in enumerate(models)
    }


def costs(predictions: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], Cost]:
    return {
        (name, fold): Cost(2.5 + number, 1_000 + number)
        for number, (name, frame) in enumerate(predictions.items())
        for fold in frame["fold"].unique()
    }


def compared(predictions: Mapping[str, pd.DataFrame], **more: str) -> dict[str, ComparedModel]:
    """The rows by model, where there is one fold and one part."""
    found = compare(predictions, costs(predictions), **more).rows
    assert [row.model for row in found] == list(predictions)
    return {row.model: row for row in found}


@st.composite
def contests(draw: st.DrawFn, models: Sequence[str] = ("a", "b", "c")) -> dict[str, pd.DataFrame]:
    """Models measured on the same ratings; never as many users as items."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    users, items = draw(st.sampled_from([(2, 5), (4, 3), (7, 2), (11, 6)]))
    return answers(rng, rows_of(rng, users, items, SEEDS[: draw(st.integers(1, 3))]), models)


@pytest.fixture(autouse=True, scope="module")
def _few_draws() -> object:
    """A property holds for any number of draws."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "DRAWS", 60)
        yield


def number(value: float | None) -> float:
    assert value is not None
    return value


# Properties of a comparison


@quick
@given(contests(("a", "b")), METRIC)
def test_swapping_two_models_negates_the_difference_and_mirrors_the_interval(
    contest: dict[str, pd.DataFrame], metric: str
) -> None:
    one = compared(contest, metric=metric, reference="a")["b"]
    other = compared(contest, metric=metric, reference="b")["a"]
    assert number(one.difference) == -number(other.difference)
    assert (number(one.low), number(one.high)) == pytest.approx(
        (-number(other.high), -number(other.low)), abs=1e-12
    )
    assert one.p == other.p


@quick
@given(contests(("a", "b")), METRIC)
def test_a_model_against_itself_has_no_difference_and_p_1(
    contest: dict[str, pd.DataFrame], metric: str
) -> None:
    itself = compared({"a": contest["a"], "twin": contest["a"]}, metric=metric)["twin"]
    assert (itself.difference, itself.low, itself.high, itself.p, itself.p_holm) == (0, 0, 0, 1, 1)


@quick
@given(contests(), METRIC, st.sampled_from("abc"))
def test_the_difference_is_that_of_the_means_and_the_reference_has_none(
    contest: dict[str, pd.DataFrame], metric: str, reference: str
) -> None:
    rows = compared(contest, metric=metric, reference=reference)
    for name, row in rows.items():
        frame = contest[name]
        error = frame["prediction"] - frame["rating"]
        by_seed = (error.abs() if metric == "mae" else error**2).groupby(frame["seed"]).mean()
        by_seed = by_seed**0.5 if metric == "rmse" else by_seed
        assert row.mean == pytest.approx(by_seed.mean(), rel=1e-12)
        assert row.deviation == (
            pytest.approx(by_seed.std(), abs=1e-12) if len(by_seed) > 1 else None
        )
        if name == reference:
            assert (row.difference, row.low, row.high, row.p, row.p_holm) == (None,) * 5
        else:
            assert number(row.difference) == pytest.approx(
                row.mean - rows[reference].mean, abs=1e-12
            )
            assert number(row.low) <= number(row.high)
            assert 0 < number(row.p) <= number(row.p_holm) <= 1


@quick
@given(contests(), METRIC, st.randoms(use_true_random=False))
def test_rows_are_paired_by_value_whatever_their_order(
    contest: dict[str, pd.DataFrame], metric: str, draw
) -> None:
    shuffled = {
        name: frame if name == "a" else frame.sample(frac=1, random_state=draw.randrange(2**32))
        for name, frame in contest.items()
    }
    assert compare(shuffled, costs(shuffled), metric=metric) == compare(
        contest, costs(contest), metric=metric
    )


@quick
@given(contests())
def test_names_of_users_and_items_do_not_matter(contest: dict[str, pd.DataFrame]) -> None:
    renamed = {
        name: frame.assign(user="u" + (9_999 - frame["user"]).astype(str), item=frame["item"] * 17)
        for name, frame in contest.items()
    }
    assert compared(renamed) == compared(contest)


@quick
@given(contests(), METRIC)
def test_the_same_predictions_give_the_same_bits(
    contest: dict[str, pd.DataFrame], metric: str
) -> None:
    again = {name: frame.copy() for name, frame in contest.items()}
    one, other = (compare(each, costs(each), metric=metric) for each in (contest, again))
    assert repr(one) == repr(other)


def test_folds_and_parts_are_compared_one_by_one() -> None:
    rng = np.random.default_rng(1)
    places = [(fold, part) for fold in ("u2", "u1") for part in ("valid", "test")]
    frames = [answers(rng, rows_of(rng, 9, 5, SEEDS, *place), ("a", "b")) for place in places]
    together = {
        name: pd.concat([frame[name] for frame in frames], ignore_index=True) for name in ("a", "b")
    }
    found = compare(together, costs(together)).rows
    assert [(row.fold, row.part, row.model) for row in found] == [
        (*place, name) for place in places for name in "ab"
    ]
    for place, frame in zip(places, frames, strict=True):
        alone = compared(frame)["b"]
        (row,) = (row for row in found if (row.fold, row.part, row.model) == (*place, "b"))
        assert (row.mean, row.difference, row.low, row.p) == (
            alone.mean,
            alone.difference,
            alone.low,
            alone.p,
        )
    corrected = [row.p_holm for row in found if row.p is not None]
    assert corrected == pytest.approx(naive_holm([row.p for row in found if row.p is not None]))


# The bootstrap


def naive_interval(one: pd.DataFrame, other: pd.DataFrame, metric: str) -> tuple[float, float]:
    """Return the interval of the same draws, with the rows of each user repeated."""
    users = list(dict.fromkeys(one["user"]))
    rng = np.random.default_rng(resampling.SEED)
    differences = []
    for drawn in rng.integers(len(users), size=(resampling.DRAWS, len(users))):
        by_model = [
            pd.concat([frame[frame["user"] == users[user]] for user in drawn])
            for frame in (one, other)
        ]
        means = []
        for frame in by_model:
            error = frame["prediction"] - frame["rating"]
            means.append(
                (error.abs() if metric == "mae" else error**2).groupby(frame["seed"]).mean()
            )
        values = [mean**0.5 if metric == "rmse" else mean for mean in means]
        differences.append((values[0] - values[1]).mean())
    low, high = np.quantile(differences, [0.025, 0.975])
    return low, high


@settings(quick, max_examples=8)
@given(contests(("a", "b")), METRIC)
def test_the_interval_is_that_of_ratings_written_out_user_by_user(
    contest: dict[str, pd.DataFrame], metric: str
) -> None:
    row = compared(contest, metric=metric)["b"]
    assert (row.low, row.high) == pytest.approx(
        naive_interval(contest["b"], contest["a"], metric), abs=1e-9
    )


def test_the_interval_of_many_users_is_near_that_of_a_normal_distribution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resampling, "DRAWS", 4_000)
    rng = np.random.default_rng(2)
    rows = pd.DataFrame(
        {"user": range(3_000), "item": 1, "seed": 0, "fold": "", "part": "valid", "rating": 3.0}
    )
    contest = answers(rng, rows, ("a", "b"))
    row = compared(contest)["b"]
    squares = [(frame["prediction"] - 3) ** 2 for frame in contest.values()]
    half = 1.96 * (squares[1] - squares[0]).std() / 3_000**0.5
    assert number(row.low) < number(row.difference) < number(row.high)
    assert number(row.high) - number(row.low) == pytest.approx(2 * half, rel=0.06)
    assert (number(row.low) + number(row.high)) / 2 == pytest.approx(
        number(row.difference), abs=half / 10
    )


def test_similar_errors_of_one_user_make_the_interval_wider() -> None:
    rng = np.random.default_rng(3)
    rows = pd.DataFrame({"user": np.repeat(range(40), 50), "item": np.tile(range(50), 40)})
    rows = rows.assign(seed=0, fold="", part="valid", rating=3.0)
    taste = np.repeat(rng.normal(size=40), 50)
    contest = {"a": rows.assign(prediction=3.0), "b": rows.assign(prediction=3 + taste)}
    clustered = compared(contest)["b"]
    alone = compared({name: frame.assign(user=range(2_000)) for name, frame in contest.items()})[
        "b"
    ]
    widths = [number(row.high) - number(row.low) for row in (clustered, alone)]
    assert widths[0] > 4 * widths[1]


def test_a_user_without_ratings_in_one_seed_counts_by_the_other_seeds() -> None:
    rows = pd.DataFrame(
        {
            "seed": [7, 7, 7, 3, 3],
            "user": ["ann", "ann", "bob", "ann", "cid"],
            "item": [1, 2, 1, 3, 1],
            "rating": [3.0] * 5,
        }
    ).assign(fold="", part="valid")
    errors = {"a": [0.0, 0.0, 0.0, 0.0, 0.0], "b": [1.0, 3.0, 2.0, 5.0, 0.5]}
    contest = {
        name: rows.assign(prediction=rows["rating"] + error) for name, error in errors.items()
    }
    block = comparison._Block.of(
        rows,
        {name: np.square(contest[name]["prediction"] - rows["rating"]) for name in errors},
        "mse",
    )
    assert block.by_user("b", "a").tolist() == [((1 + 9) / 2 + 25) / 2, 4.0, 0.25]
    row = compared(contest)["b"]
    assert row.mean == pytest.approx(((1 + 9 + 4) / 3 + (25 + 0.25) / 2) / 2)
    assert np.isfinite([number(row.low), number(row.high)]).all()


# Tests


@given(st.lists(st.integers(-40, 40).filter(bool), min_size=1, max_size=9, unique_by=abs))
def test_the_signed_rank_p_is_the_share_of_signs_that_are_as_uneven(
    differences: list[int],
) -> None:
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    middle = ranks.sum() / 2
    uneven = abs(ranks[np.array(differences) > 0].sum() - middle)
    every = [
        abs(ranks @ np.array(signs) - middle)
        for signs in itertools.product((0, 1), repeat=len(ranks))
    ]
    expected = np.mean(np.array(every) >= uneven)
    assert signed_rank(np.array(differences, dtype=float)) == pytest.approx(expected)


def test_zeros_are_left_out_of_the_signed_ranks() -> None:
    few = np.array([0.5, -1.25, 2.0, 3.5, 4.0])
    assert signed_rank(np.concatenate([few, np.zeros(30)])) == signed_rank(few)
    assert signed_rank(np.zeros(4)) == 1
    assert signed_rank(np.array([])) == 1


def naive_holm(p: Sequence[float]) -> list[float]:
    """Multiply the smallest p by all tests, the next by one less, and never decrease."""
    result, highest = {}, 0.0
    for step, position in enumerate(sorted(range(len(p)), key=lambda each: p[each])):
        highest = max(highest, min(1.0, p[position] * (len(p) - step)))
        result[position] = highest
    return [result[position] for position in range(len(p))]


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_equals_its_naive_form_keeps_the_order_and_is_never_below_p(p: list[float]) -> None:
    corrected = holm(p).tolist()
    assert corrected == pytest.approx(naive_holm(p), abs=1e-15)
    assert all(raw <= each <= 1 for raw, each in zip(p, corrected, strict=True))
    for (one, first), (other, second) in itertools.combinations(zip(p, corrected, strict=True), 2):
        assert one == other or (one < other) == (first < second) or first == second


def test_holm_of_one_p_is_that_p() -> None:
    assert holm([0.03]).tolist() == [0.03]
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


# What cannot be compared


def contest_of(models: Sequence[str] = ("pmf", "bias")) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(4)
    return answers(rng, rows_of(rng, 6, 4, (7, 3)), models)


def changed(column: str, value: object) -> pd.DataFrame:
    frame = contest_of()["bias"]
    frame[column] = frame[column].astype(object)
    frame.loc[2, column] = value
    return frame


@pytest.mark.parametrize(
    ("column", "value", "where"),
    [
        ("seed", 8, "; the seeds are 7, 3 here and 7, 8, 3 there"),
        ("fold", "u1", "; the folds are none here and none, u1 there"),
        ("part", "test", "; the parts are valid here and valid, test there"),
        ("user", 99, ""),
        ("item", 99, ""),
        ("rating", 2.5, ""),
    ],
)
def test_rows_that_differ_in_one_column_are_not_a_pair(
    column: str, value: object, where: str
) -> None:
    rows = contest_of()["pmf"]
    contest = {"pmf": rows, "bias": changed(column, value)}
    with pytest.raises(DataError) as caught:
        compare(contest, costs(contest))
    assert str(caught.value) == (
        f"pmf and bias were not measured on the same ratings: 1 of {len(rows)} of pmf are not "
        "among those of bias, "
        f"and 1 of {len(rows)} the other way round (the same are seed, fold, part, user, item and "
        f"rating){where}; "
        "compare runs of the same data, split and seeds"
    )


def test_a_model_that_was_measured_on_fewer_ratings_is_refused() -> None:
    contest = contest_of()
    contest["bias"] = contest["bias"].iloc[:-3]
    with pytest.raises(DataError) as caught:
        compare(contest, costs(contest))
    n = len(contest["pmf"])
    assert str(caught.value).startswith(
        f"pmf and bias were not measured on the same ratings: 3 of {n} of pmf are not among those "
        "of bias, "
        f"and 0 of {n - 3} the other way round "
    )


@pytest.mark.parametrize(
    ("models", "options", "text"),
    [
        (("pmf",), {}, "a comparison needs at least two models; there is only pmf"),
        (
            ("pmf", "bias"),
            {"reference": "bais"},
            "reference: no model called 'bais'; did you mean bias? (there are pmf, bias)",
        ),
        (
            ("pmf", "bias"),
            {"metric": "mze"},
            "metric: expected one of mse, rmse, mae, got 'mze'; did you mean mse?",
        ),
    ],
)
def test_an_unknown_metric_or_model_is_an_error(
    models: Sequence[str], options: dict[str, str], text: str
) -> None:
    contest = contest_of(models)
    with pytest.raises(CapabilityError) as caught:
        compare(contest, costs(contest), **options)
    assert str(caught.value) == text


# What a person and a program see


def test_the_table_says_what_is_compared_with_what() -> None:
    rows = pd.DataFrame({"seed": [7] * 8, "user": range(8), "item": 1, "rating": 3.0}).assign(
        fold="", part="valid"
    )
    contest = {
        "pmf": rows.assign(prediction=3.5),
        "bias": rows.assign(prediction=4.0),
        "mean": rows.assign(prediction=3.5),
    }
    found = compare(
        contest,
        {("pmf", ""): Cost(12.34, 1234567.4), ("bias", ""): Cost(0, 9), ("mean", ""): Cost(1, 1)},
    )
    assert str(found.table()) == (
        "mse on valid, compared with pmf\n"
        "model  mse     difference  95 % interval       p (Wilcoxon, Holm)  "
        "training seconds  parameters\n"
        "pmf    0.2500  reference                                           "
        "12.3              1,234,567\n"
        "bias   1.0000  +0.7500     +0.7500 to +0.7500  0.0156              0.0               9\n"
        "mean   0.2500  +0.0000     +0.0000 to +0.0000  1.0000              1.0               1\n"
        "difference: mse minus that of pmf on the same ratings; below 0 is better than pmf. "
        "The interval shows how far it moves if other users of the same kind rate (percentile "
        "bootstrap over users); p is how likely chance alone makes users differ as much "
        "(signed-rank test over users, corrected for 2 comparisons): below 0.05 is more than "
        "chance."
    )


def test_fold_and_part_are_shown_where_they_differ_and_seeds_where_there_are_several() -> None:
    rng = np.random.default_rng(5)
    frames = [
        rows_of(rng, 5, 4, (7, 3), fold, part)
        for fold in ("u1", "u2")
        for part in ("valid", "test")
    ]
    contest = answers(rng, pd.concat(frames, ignore_index=True), ("pmf", "bias"))
    table = compare(contest, costs(contest), metric="rmse", reference="bias").table()
    assert table.title == "rmse on valid and test, compared with bias"
    assert table.columns[:5] == ("model", "fold", "part", "rmse", "difference")
    assert [row[:3] for row in table.rows[:3]] == [
        ("pmf", "u1", "valid"),
        ("bias", "u1", "valid"),
        ("pmf", "u1", "test"),
    ]
    assert " ± " in table.rows[0][3]
    assert table.note.startswith(
        "difference: rmse minus that of bias on the same ratings, mean of 2 seeds; below 0 is "
        "better than bias. "
    )
    assert "corrected for 4 comparisons" in table.note


def test_a_small_p_is_not_shown_as_zero() -> None:
    rng = np.random.default_rng(6)
    rows = pd.DataFrame(
        {"seed": 7, "user": range(60), "item": 1, "rating": 3.0, "fold": "", "part": "valid"}
    )
    contest = {
        "pmf": rows.assign(prediction=3.0),
        "bias": rows.assign(prediction=4 + rng.random(60)),
    }
    table = compare(contest, costs(contest)).table()
    assert table.rows[1][4] == "< 0.0001"
    assert "corrected for 1 comparison)" in table.note


def test_a_program_gets_every_number_with_metric_and_reference() -> None:
    contest = contest_of()
    found = compare(contest, costs(contest), metric="mae")
    first, second = found.records()
    assert list(found.frame()) == list(first) == list(second)
    assert (first["metric"], first["reference"], first["model"], first["p_holm"]) == (
        "mae",
        "pmf",
        "pmf",
        None,
    )
    assert (second["mean"], second["low"], second["seconds"]) == (
        found.rows[1].mean,
        found.rows[1].low,
        3.5,
    )
    assert found.frame()["difference"].isna().tolist() == [True, False]
