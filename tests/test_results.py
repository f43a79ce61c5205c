"""What a run shows: its numbers beside its claims, as a table, as text and as HTML."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import cfplug
from cfplug import CapabilityError
from cfplug.progress import Quiet
from cfplug.recipe import parse_recipe
from cfplug.results import METRICS, Run

HEAD = """\
data: synthetic
models: [pmf, {use: bias, name: offsets}]
metrics: [mse, mae]
"""


def run_of(extra: str = "", rows: list[tuple] | None = None, title: str = "ours", **more) -> Run:
    """A run with these numbers, of models that nobody trained."""
    recipe = parse_recipe(f'title: "{title}"\n{HEAD}{extra}', "ours.yaml")
    if rows is None:
        values = {("pmf", "mse"): 0.5, ("pmf", "mae"): 0.25, ("offsets", "mse"): 0.75, ("offsets", "mae"): 1.125}
        rows = [
            (model, seed, "valid", metric, value + 0.01 * number)
            for number, seed in enumerate(recipe.seeds)
            for (model, metric), value in values.items()
        ]
    models = tuple(SimpleNamespace(name=use.name, seed=seed) for seed in recipe.seeds for use in recipe.models)
    return Run(Path("runs/ours-1"), recipe, models, pd.DataFrame(rows, columns=list(METRICS)), **more)


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


def test_claims_stand_beside_what_was_measured() -> None:
    run = run_of(
        "claims:\n"
        "- {metric: mse, at_most: 0.5, model: pmf, source: a paper}\n"
        "- {metric: mae, at_least: 1.2, model: offsets}\n"
    )
    rows = run.table().rows
    assert rows[0][3:] == ("0.5000", "at most 0.5", "yes", "a paper")
    assert rows[1][3:] == ("0.2500", "", "", "")
    assert rows[3][3:] == ("1.1250", "at least 1.2", "no", "")
    assert [(each.model, each.value, each.met) for each in run.claims()] == [
        ("pmf", 0.5, True),
        ("offsets", 1.125, False),
    ]
    assert not run.claims_met


def test_two_claims_about_one_number_are_both_shown() -> None:
    run = run_of("claims: [{metric: mse, at_most: 0.4, model: pmf}, {metric: mse, at_least: 0.1, model: pmf}]\n")
    assert [row[3:6] for row in run.table().rows if row[0] == "pmf" and row[2] == "mse"] == [
        ("0.5000", "at most 0.4", "no"),
        ("0.5000", "at least 0.1", "yes"),
    ]
    assert len(run.table().rows) == 5
    assert not run.claims_met


def test_a_claim_without_a_model_is_about_the_only_one() -> None:
    recipe = parse_recipe("data: synthetic\nmodels: [bias]\nclaims: [{metric: mse, at_most: 1}]\n", "ours.yaml")
    metrics = pd.DataFrame([("bias", 42, "valid", "mse", 1.0)], columns=list(METRICS))
    run = Run(Path("x"), recipe, (), metrics)
    assert [(each.model, each.met) for each in run.claims()] == [("bias", True)]
    assert run.claims_met


def test_a_claim_about_the_test_part_is_not_met_by_the_valid_part() -> None:
    rows = [("pmf", 42, "valid", "mse", 0.1), ("pmf", 42, "test", "mse", 0.9)]
    run = run_of("claims: [{metric: mse, at_most: 0.5, model: pmf, part: test}]\n", rows)
    assert [row[1:6] for row in run.table().rows] == [
        ("valid", "mse", "0.1000", "", ""),
        ("test", "mse", "0.9000", "at most 0.5", "no"),
    ]


def test_a_claim_is_about_the_mean_over_the_seeds() -> None:
    run = run_of(
        "seeds: [7, 3, 5]\n"
        "claims: [{metric: mse, at_most: 0.505, model: pmf}, {metric: mae, at_most: 0.26, model: pmf}]\n"
    )
    table = run.table()
    assert table.columns[3] == "measured, mean of 3 seeds"
    assert table.rows[0][3:6] == ("0.5100 ± 0.0100", "at most 0.505", "no")
    assert table.rows[1][3:6] == ("0.2600 ± 0.0100", "at most 0.26", "yes")
    assert run.values("pmf", "mse").tolist() == [0.5, 0.51, 0.52]


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
    assert str(caught.value) == ("the run has no model called 'ofsets'; did you mean offsets? (it has offsets, pmf)")


def test_a_learner_is_that_of_the_first_model_and_seed() -> None:
    learners = {("pmf", 3): "second", ("pmf", 7): "first"}
    assert run_of("seeds: [7, 3]\n", learners=learners).learner == "first"


def test_a_learner_that_is_not_there_says_why() -> None:
    with pytest.raises(CapabilityError) as caught:
        _ = run_of().learner
    assert str(caught.value) == (
        "there is no Learner for pmf: the run was opened from its folder, was resumed after the model was trained, "
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
    run = cfplug.run(recipe, out=tmp_path / "runs", teller=Quiet())
    users, items = (int((run.model.support.count[side] > 0).sum()) for side in ("user", "item"))
    assert repr(run.model) == (
        f"bias (factors/bias, seed 42): trained on {users} users and {items} items, gives biases; "
        "unknown ids: item-mean"
    )
    assert run.model._repr_html_() == f"<p>{run.model!r}</p>"
    assert repr(run) == str(run)
    assert str(run.path) in repr(run)
