"""What a run shows: its numbers beside its claims, as a table, as text and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import attrs
import numpy as np
import pandas as pd
import pytest

import cfplug
from cfplug import DataError
from cfplug.errors import CapabilityError
from cfplug.evaluation.cold_start import SUMMARY
from cfplug.progress import Quiet
from cfplug.recipe.parser import parse_recipe
from cfplug.runs.run import METRICS, Run, compare_runs

HEAD = """\
data: synthetic
models: [pmf, {use: bias, name: offsets}]
metrics: [mse, mae]
"""


def model_of(name: str, seed: int, fold: str) -> SimpleNamespace:
    """Return a model that learned 3 numbers, 4 with another seed, in `seconds`."""
    predictor = SimpleNamespace(state=lambda: {"numbers": np.zeros(3 if seed == 7 else 4)})
    return SimpleNamespace(
        name=name, seed=seed, fold=fold, seconds=seed / 2, predictor=predictor, component=name
    )


def measured(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """A run's metrics; rows without the ends of an interval have none."""
    return pd.DataFrame([(*row, None, None)[: len(METRICS)] for row in rows], columns=list(METRICS))


def run_of(extra: str = "", rows: list[tuple] | None = None, title: str = "ours", **more) -> Run:
    """A run with these numbers, of models that nobody trained."""
    recipe = parse_recipe(f'title: "{title}"\n{HEAD}{extra}', "ours.yaml")
    if rows is None:
        values = {
            ("pmf", "mse"): 0.5,
            ("pmf", "mae"): 0.25,
            ("offsets", "mse"): 0.75,
            ("offsets", "mae"): 1.125,
        }
        rows = [
            (model, seed, "", "valid", metric, value + 0.01 * number)
            for number, seed in enumerate(recipe.seeds)
            for (model, metric), value in values.items()
        ]
    occasions = dict.fromkeys((seed, fold) for _, seed, fold, *_ in rows)
    models = tuple(model_of(use.name, *occasion) for occasion in occasions for use in recipe.models)
    return Run(Path("runs/ours-1"), recipe, models, measured(rows), **more)


def test_the_table_has_a_row_for_each_model_part_and_metric() -> None:
    table = run_of().table()
    assert table.title == "ours"
    assert table.columns == ("model", "part", "metric", "measured", "claimed", "met", "source")
    assert table.rows == (
        ("pmf", "valid", "mse", "0.5000", "", "", ""),
        ("pmf", "valid", "mae", "0.2500", "", "", ""),
        ("offsets", "valid", "mse", "0.7500", "", "", ""),
        ("offsets", "valid", "mae", "1.1250", "", "", ""),
    )


def test_claims_are_shown_next_to_results() -> None:
    run = run_of(
        "claims:\n"
        "- {metric: mse, at_most: 0.5, model: pmf, source: a paper}\n"
        "- {metric: mae, at_least: 1.2, model: offsets}\n"
    )
    rows = run.table().rows
    assert rows[0][3:] == ("0.5000", "at most 0.5", "yes", "a paper")
    assert rows[1][3:] == ("0.2500", "", "", "")
    assert rows[3][3:] == ("1.1250", "at least 1.2", "no", "")
    assert [(each.model, each.value, each.met) for each in run.claim_results()] == [
        ("pmf", 0.5, True),
        ("offsets", 1.125, False),
    ]
    assert not run.claims_met


def test_two_claims_about_one_number_are_both_shown() -> None:
    run = run_of(
        "claims: [{metric: mse, at_most: 0.4, model: pmf}, {metric: mse, at_least: 0.1, model: "
        "pmf}]\n"
    )
    assert [row[3:6] for row in run.table().rows if row[0] == "pmf" and row[2] == "mse"] == [
        ("0.5000", "at most 0.4", "no"),
        ("0.5000", "at least 0.1", "yes"),
    ]
    assert len(run.table().rows) == 5
    assert not run.claims_met


def test_a_claim_without_a_model_is_about_the_only_one() -> None:
    recipe = parse_recipe(
        "data: synthetic\nmodels: [bias]\nclaims: [{metric: mse, at_most: 1}]\n", "ours.yaml"
    )
    metrics = measured([("bias", 42, "", "valid", "mse", 1.0)])
    run = Run(Path("x"), recipe, (), metrics)
    assert [(each.model, each.met) for each in run.claim_results()] == [("bias", True)]
    assert run.claims_met


def test_a_claim_about_the_test_part_is_not_met_by_the_valid_part() -> None:
    rows = [("pmf", 42, "", "valid", "mse", 0.1), ("pmf", 42, "", "test", "mse", 0.9)]
    run = run_of("claims: [{metric: mse, at_most: 0.5, model: pmf, part: test}]\n", rows)
    assert [row[1:6] for row in run.table().rows] == [
        ("valid", "mse", "0.1000", "", ""),
        ("test", "mse", "0.9000", "at most 0.5", "no"),
    ]


def test_a_claim_is_about_the_mean_over_the_seeds() -> None:
    run = run_of(
        "seeds: [7, 3, 5]\n"
        "claims: [{metric: mse, at_most: 0.505, model: pmf}, {metric: mae, at_most: 0.26, "
        "model: pmf}]\n"
    )
    table = run.table()
    assert table.columns[3] == "measured, mean of 3 seeds"
    assert table.rows[0][3:6] == ("0.5100 ± 0.0100", "at most 0.505", "no")
    assert table.rows[1][3:6] == ("0.2600 ± 0.0100", "at most 0.26", "yes")
    assert run.values("pmf", "mse").tolist() == [0.5, 0.51, 0.52]


def test_one_value_is_shown_with_its_interval_and_several_with_their_deviation() -> None:
    rows = [
        ("pmf", 7, "", "valid", "mse", 0.5, 0.4, 0.61),
        ("pmf", 7, "", "valid", "mae", 0.25, None, None),
    ]
    table = run_of("seeds: [7]\n", rows).table()
    assert table.columns[3:6] == ("measured", "95 % interval", "claimed")
    assert [row[3:5] for row in table.rows] == [("0.5000", "0.4000 to 0.6100"), ("0.2500", "")]
    twice = [*rows, ("pmf", 3, "", "valid", "mse", 0.5, 0.4, 0.61)]
    assert [row[3:5] for row in run_of("seeds: [7, 3]\n", twice[::2]).table().rows] == [
        ("0.5000 ± 0.0000", "")
    ]


def test_results_have_numbers_that_are_not_rounded() -> None:
    rows = [
        ("pmf", 7, "", "valid", "mse", 0.50001, 0.4, 0.61),
        ("pmf", 7, "", "valid", "mae", 0.25, None, None),
    ]
    mse, mae = run_of("seeds: [7]\n", rows).results()
    assert (mse.metric, mse.value, mse.low, mse.high) == ("mse", 0.50001, 0.4, 0.61)
    assert (mae.low, mae.high, mae.deviation, mae.claim) == (None, None, None, None)
    twice = [rows[1], ("pmf", 3, "", "valid", "mae", 0.75, 0.5, 1.0)]
    (mean,) = run_of("seeds: [7, 3]\n", twice).results()
    assert (mean.value, mean.low, mean.high) == (0.5, None, None)
    assert mean.deviation == pytest.approx(0.5 / 2**0.5)


# Folds

FOLDS = [
    ("pmf", seed, fold, "valid", "mse", value)
    for seed, fold, value in ((7, "u1", 0.5), (7, "u2", 0.25), (3, "u1", 0.75), (3, "u2", 0.375))
]


def test_folds_are_reported_one_by_one_and_then_all_of_them_with_the_deviation_over_folds() -> None:
    table = run_of("seeds: [7, 3]\n", FOLDS).table()
    assert table.columns == (
        "model",
        "fold",
        "part",
        "metric",
        "measured, mean of 2 seeds",
        "claimed",
        "met",
        "source",
    )
    assert [row[:5] for row in table.rows] == [
        ("pmf", "u1", "valid", "mse", "0.6250 ± 0.1768"),
        ("pmf", "u2", "valid", "mse", "0.3125 ± 0.0884"),
        ("pmf", "all folds", "valid", "mse", "0.4688 ± 0.2210"),
    ]


def test_a_claim_is_about_one_fold_or_about_the_mean_of_all_folds_and_seeds() -> None:
    claims = (
        "claims: [{metric: mse, at_most: 0.46, model: pmf}, {metric: mse, at_most: 0.32, model: "
        "pmf, fold: u2}, "
        "{metric: mse, at_least: 0.7, model: pmf, fold: u1}]\n"
    )
    run = run_of(f"seeds: [7, 3]\n{claims}", FOLDS)
    assert [(each.value, each.met) for each in run.claim_results()] == [
        (0.46875, False),
        (0.3125, True),
        (0.625, False),
    ]
    assert [row[1:2] + row[5:7] for row in run.table().rows] == [
        ("u1", "at least 0.7", "no"),
        ("u2", "at most 0.32", "yes"),
        ("all folds", "at most 0.46", "no"),
    ]
    assert run.values("pmf", "mse").tolist() == [0.5, 0.25, 0.75, 0.375]
    assert run.values("pmf", "mse", fold="u2").tolist() == [0.25, 0.375]


def test_a_model_of_a_fold_is_found_by_its_fold() -> None:
    run = run_of("seeds: [7, 3]\n", FOLDS, learners={("pmf", 7, "u1"): "first"})
    assert (run.model.seed, run.model.fold, run.learner) == (7, "u1", "first")
    assert [
        (model.seed, model.fold) for model in (run.find("pmf", 3), run.find("pmf", fold="u2"))
    ] == [
        (3, "u1"),
        (7, "u2"),
    ]


# The comparison


def predictions(errors: dict[str, float], seeds: tuple[int, ...] = (7, 3)) -> pd.DataFrame:
    """What models predicted that miss every rating by so much."""
    rows = [
        (model, seed, "", "valid", user, 1, 3.0, 3.0 + error, "warm")
        for model, error in errors.items()
        for seed in seeds
        for user in range(6)
    ]
    columns = ["model", "seed", "fold", "part", "user", "item", "rating", "prediction", "origin"]
    return pd.DataFrame(rows, columns=columns)


def compared_run(name: str, errors: dict[str, float], seeds: tuple[int, ...] = (7, 3)) -> Run:
    kept = predictions(errors, seeds)
    run = run_of(f"seeds: {list(seeds)}\n", predictions=lambda: kept)
    return attrs.evolve(run, path=Path("runs") / name)


def test_a_run_compares_its_models_with_the_first_or_the_one_that_is_named() -> None:
    run = compared_run("ours", {"pmf": 1.0, "offsets": 0.5})
    assert run.comparison_table().rows == (
        ("pmf", "1.0000 ± 0.0000", "reference", "", "", "2.5", "4"),
        ("offsets", "0.2500 ± 0.0000", "-0.7500", "-0.7500 to -0.7500", "0.0312", "2.5", "4"),
    )
    mean = run.comparison_table(reference="offsets", metric="mae")
    assert mean.title == "mae on valid, compared with offsets"
    assert [row[2] for row in mean.rows] == ["+0.5000", "reference"]


def test_what_a_model_cost_is_the_mean_over_its_seeds() -> None:
    rows = compared_run("ours", {"pmf": 1.0, "offsets": 0.5}).comparison().rows
    assert [(row.seconds, row.parameters) for row in rows] == [(2.5, 3.5)] * 2


def test_models_of_several_runs_bear_the_names_of_their_runs_where_they_have_one_name() -> None:
    one, other = (
        compared_run(name, {"pmf": error, "offsets": 0.5})
        for name, error in (("ours", 1.0), ("theirs", 2))
    )
    found = compare_runs([one, other], reference="theirs/pmf")
    assert [(row.model, row.mean) for row in found.rows] == [
        ("ours/pmf", 1.0),
        ("ours/offsets", 0.25),
        ("theirs/pmf", 4.0),
        ("theirs/offsets", 0.25),
    ]
    with pytest.raises(CapabilityError) as caught:
        compare_runs([one, one])
    assert str(caught.value) == (
        "two runs have a model called ours/pmf; give each run once, in folders of other names"
    )


def test_runs_of_other_seeds_were_not_measured_on_the_same_ratings() -> None:
    runs = [
        compared_run("ours", {"pmf": 1.0, "offsets": 0.5}),
        compared_run("theirs", {"pmf": 1, "offsets": 2}, (7, 5)),
    ]
    with pytest.raises(DataError) as caught:
        compare_runs(runs)
    assert str(caught.value) == (
        "ours/pmf and theirs/pmf were not measured on the same ratings: 6 of 12 of ours/pmf are "
        "not among those of "
        "theirs/pmf, and 6 of 12 the other way round (the same are seed, fold, part, user, item "
        "and rating); the seeds "
        "are 7, 3 here and 7, 5 there; compare runs of the same data, split and seeds"
    )


def test_a_run_of_one_model_has_nothing_to_compare() -> None:
    recipe = parse_recipe("data: synthetic\nmodels: [bias]\n", "ours.yaml")
    kept = predictions({"bias": 1.0}, (42,))
    metrics = measured([("bias", 42, "", "valid", "mse", 1.0)])
    run = Run(Path("x"), recipe, (model_of("bias", 42, ""),), metrics, predictions=lambda: kept)  # type: ignore[arg-type]
    with pytest.raises(CapabilityError) as caught:
        run.comparison_table()
    assert str(caught.value) == "a comparison needs at least two models; there is only bias"


def test_a_run_shows_itself_as_its_table_and_its_place() -> None:
    run = run_of("claims: [{metric: mse, at_most: 0.5, model: pmf, source: a paper}]\n")
    assert str(run) == (
        "ours\n"
        "model    part   metric  measured  claimed      met  source\n"
        "pmf      valid  mse     0.5000    at most 0.5  yes  a paper\n"
        "pmf      valid  mae     0.2500\n"
        "offsets  valid  mse     0.7500\n"
        "offsets  valid  mae     1.1250\n"
        "runs/ours-1"
    )


def test_html_shows_hostile_text_as_text() -> None:
    bad = "<script>alert(1)</script>"
    run = run_of(f'claims: [{{metric: mse, at_most: 1, model: pmf, source: "{bad}"}}]\n', title=bad)
    shown = run._repr_html_()
    assert "<script" not in shown
    assert "<caption>&lt;script&gt;alert(1)&lt;/script&gt;</caption>" in shown
    assert "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>" in shown
    assert shown.count("<tr>") == 5
    assert "<p><code>runs/ours-1</code></p>" in shown


def test_a_model_is_found_by_name_and_seed() -> None:
    run = run_of("seeds: [7, 3]\n")
    assert (run.model.name, run.model.seed) == ("pmf", 7)
    assert (run.find("offsets").seed, run.find("offsets", 3).seed) == (7, 3)


def test_a_model_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(CapabilityError) as caught:
        run_of().find("ofsets")
    assert str(caught.value) == (
        "the run has no model called 'ofsets'; did you mean offsets? (it has offsets, pmf)"
    )


@pytest.mark.parametrize(
    ("seed", "fold", "text"),
    [
        (9, None, "the run has no seed called 9 (it has 3, 7)"),
        (None, "u3", "the run has no fold called 'u3' (it has u1, u2)"),
        (3, "u2", "the run has no pmf of seed 3 on fold u2"),
    ],
)
def test_a_seed_or_fold_that_is_not_there_is_named(
    seed: int | None, fold: str | None, text: str
) -> None:
    rows = [
        ("pmf", seed, fold, "valid", "mse", 1.0) for seed, fold in ((7, "u1"), (7, "u2"), (3, "u1"))
    ]
    with pytest.raises(CapabilityError) as caught:
        run_of("seeds: [7, 3]\n", rows).find("pmf", seed, fold)
    assert str(caught.value) == text


def test_a_run_without_folds_is_reported() -> None:
    with pytest.raises(CapabilityError) as caught:
        run_of().find("pmf", fold="u1")
    assert str(caught.value) == "the run has no fold called 'u1' (it has none)"


def test_a_learner_is_that_of_the_first_model_and_seed() -> None:
    learners = {("pmf", 3, ""): "second", ("pmf", 7, ""): "first"}
    assert run_of("seeds: [7, 3]\n", learners=learners).learner == "first"


def test_a_learner_that_is_not_there_says_why() -> None:
    with pytest.raises(CapabilityError) as caught:
        _ = run_of().learner
    assert str(caught.value) == (
        "there is no Learner for pmf: the run was opened from its folder, was resumed after the "
        "model was trained, "
        "or the model fits itself"
    )


def test_a_run_is_the_run_of_the_public_names() -> None:
    assert cfplug.Run is Run


def test_a_run_and_its_models_show_themselves_in_a_few_lines(tmp_path: Path) -> None:
    recipe = tmp_path / "small.yaml"
    recipe.write_text(
        "data: {use: synthetic, users: 30, items: 20, ratings: 200}\nmodels: [bias]\n",
        encoding="utf-8",
    )
    run = cfplug.run(recipe, out=tmp_path / "runs", reporter=Quiet())
    users, items = (int((run.model.support.count[side] > 0).sum()) for side in ("user", "item"))
    assert repr(run.model) == (
        f"bias (factors/bias, seed 42): trained on {users} users and {items} items, gives biases "
        f"and terms and "
        "vectors; unknown ids: item-mean"
    )
    assert run.model._repr_html_() == f"<p>{run.model!r}</p>"
    assert repr(run) == str(run)
    assert str(run.path) in repr(run)


# Claims on newcomers


def on_newcomers(*rows: tuple[str, str, int, float, float, float]) -> pd.DataFrame:
    """Standings with these models, strategies, numbers, errors and their intervals."""
    columns = ["model", "cold_start", "revealed", "rmse", "low", "high"]
    return pd.DataFrame(rows, columns=columns).reindex(columns=SUMMARY)


TRIED = "cold_starts: [global-mean, item-mean]\nreveal: [0, 5]\n"


def test_a_claim_on_newcomers_is_about_the_rmse_of_its_strategy_and_number() -> None:
    newcomers = on_newcomers(
        ("offsets", "item-mean", 5, 9.0, 8.0, 10.0),
        ("pmf", "global-mean", 5, 1.5, 1.4, 1.6),
        ("pmf", "item-mean", 0, 1.25, 1.2, 1.3),
        ("pmf", "item-mean", 5, 1.0, 0.9, 1.125),
    )
    claims = (
        "claims:\n- {metric: rmse, model: pmf, cold_start: item-mean, revealed: 5, at_most: 1, "
        "source: a paper}\n"
        "- {metric: rmse, model: pmf, cold_start: item-mean, at_most: 1}\n"
    )
    run = run_of(TRIED + claims, cold_start_results=newcomers)
    assert [(each.value, each.met) for each in run.claim_results()] == [(1.0, True), (1.25, False)]
    assert not run.claims_met
    assert run.table().rows[-2:] == (
        ("pmf", "valid", "rmse, item-mean after 5", "1.0000", "at most 1", "yes", "a paper"),
        ("pmf", "valid", "rmse, item-mean after 0", "1.2500", "at most 1", "no", ""),
    )


def test_a_cold_start_claim_is_shown_with_its_interval_and_all_folds() -> None:
    newcomers = on_newcomers(("pmf", "item-mean", 5, 1.0, 0.9, 1.125))
    rows = [("pmf", 42, fold, "valid", "mse", 0.5, 0.4, 0.6) for fold in ("1", "2")]
    claim = "claims: [{metric: rmse, model: pmf, cold_start: item-mean, revealed: 5, at_most: 1}]\n"
    table = run_of(TRIED + claim, rows, cold_start_results=newcomers).table()
    assert dict(zip(table.columns, table.rows[-1], strict=True)) == {
        "model": "pmf",
        "fold": "all folds",
        "part": "valid",
        "metric": "rmse, item-mean after 5",
        "measured": "1.0000",
        "95 % interval": "0.9000 to 1.1250",
        "claimed": "at most 1",
        "met": "yes",
        "source": "",
    }


def test_a_claim_on_newcomers_that_was_not_measured_is_not_met() -> None:
    claim = (
        "claims: [{metric: rmse, model: offsets, cold_start: item-mean, revealed: 5, at_most: 9}]\n"
    )
    run = run_of(
        TRIED + claim, cold_start_results=on_newcomers(("pmf", "item-mean", 5, 1.0, 0.9, 1.1))
    )
    (measured_,) = run.claim_results()
    assert np.isnan(measured_.value)
    assert not run.claims_met


def test_a_run_that_tried_nothing_on_newcomers_has_an_empty_table_of_them() -> None:
    run = run_of()
    assert (list(run.cold_start_results.columns), len(run.cold_start_results)) == (SUMMARY, 0)
