"""The section on neighbourhoods: what it says is what is there, of any model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import cfplug

Runs = Callable[[str], cfplug.Run]
RECIPE = """
split: random
models: [{use: item-knn, neighbors: 6}, {use: user-knn, neighbors: 6}, bias]
unknown: item-mean
analyzers: [{use: neighborhoods, neighbors: 6, show: 5}]
"""
MODELS = ("item-knn", "user-knn", "bias")


def section(run: cfplug.Run, model: str) -> cfplug.Section:
    return next(
        each for each in run.sections if each.model == model and each.analyzer == "neighborhoods"
    )


def frame(table: cfplug.Table) -> pd.DataFrame:
    return pd.DataFrame(table.rows, columns=table.columns)


@pytest.mark.parametrize("model", MODELS)
def test_every_held_out_rating_is_in_one_group_and_errors_add_up(ran: Runs, model: str) -> None:
    run = ran(RECIPE)
    groups = frame(section(run, model).tables[0])
    held_out = run.predictions().query("model == @model and origin == 'warm'")
    assert groups["ratings"].sum() == len(held_out)
    assert groups["% of ratings"].sum() == pytest.approx(100, abs=0.1)
    mse = np.average(groups[f"{model}: MSE, squared rating points"], weights=groups["ratings"])
    assert mse == pytest.approx(
        ((held_out["prediction"] - held_out["rating"]) ** 2).mean(), rel=1e-3
    )
    assert groups["neighbours"].tolist()[-1] == "6"


def test_a_prediction_without_neighbours_is_that_of_the_baseline(ran: Runs) -> None:
    lonely = "split: random\nmodels: [{use: item-knn, kept: 1}]\nanalyzers: [neighborhoods]\n"
    groups = frame(section(ran(lonely), "item-knn").tables[0]).set_index("neighbours")
    assert groups.loc["0"].iloc[2] == groups.loc["0"].iloc[3]
    assert groups.loc["1"].iloc[2] != groups.loc["1"].iloc[3]


def test_hubs_are_those_who_are_in_the_most_lists(ran: Runs) -> None:
    run = ran(RECIPE)
    alike = run.find("item-knn").predictor.alike.toarray()
    near = [
        set(np.argsort(-row, kind="stable")[:6][np.sort(row)[::-1][:6] > 0].tolist())
        for row in alike
    ]
    lists = np.array([sum(code in each for each in near) for code in range(len(alike))])
    found = frame(section(run, "item-knn").tables[1])
    assert found["lists"].tolist() == sorted(lists.tolist(), reverse=True)[:5]
    assert found["% of all lists"].tolist() == pytest.approx(
        100 * found["lists"] / len(alike), rel=1e-3
    )


def test_a_model_without_neighbours_is_told_which_it_could_ask(ran: Runs) -> None:
    run = ran(RECIPE)
    mine, others = section(run, "item-knn"), section(run, "bias")
    assert others.text[1] == "bias asks no neighbours; these are those that it could ask."
    assert mine.tables[1].rows == others.tables[1].rows
    assert section(run, "user-knn").tables[1].columns[0] == "user"


def test_where_all_are_new_only_the_lists_are_shown(ran: Runs) -> None:
    cold = (
        "split: {use: cold-users, folds: 2}\nmodels: [item-knn]\nunknown: item-mean\n"
        "analyzers: [neighborhoods]\n"
    )
    found = section(ran(cold), "item-knn")
    assert found.text[1].endswith("held-out ratings none has a user and an item that training saw.")
    assert [table.title for table in found.tables] == ["Neighbours of the most others"]
    assert found.charts == ()


def test_the_page_shows_titles_as_they_are(ran: Runs) -> None:
    run = ran(RECIPE.replace("show: 5", "show: 99"))
    assert (
        "<script>alert('1')</script>" in frame(section(run, "item-knn").tables[1])["item"].tolist()
    )
    assert "<script>alert" not in (run.path / "report.html").read_text(encoding="utf-8")
