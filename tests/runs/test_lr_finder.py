"""Check the learning-rate finder: its curve, its suggestions, its plot, no leftovers."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner, Result

from cfplug.cli.main import main
from cfplug.errors import TrainingError
from cfplug.plugin.registry import load
from cfplug.progress import Quiet
from cfplug.recipe.parser import parse_recipe
from cfplug.recipe.recipe import Recipe
from cfplug.runs.lr_finder import (
    HIGHEST,
    LOWEST,
    STEPS,
    Sweep,
    find_rates,
    models_to_try,
    read_off,
    sweep,
)
from cfplug.runs.runner import tasks

TEXT = """\
data: {use: synthetic, users: 40, items: 25, ratings: 600}
models:
  - {use: pmf, factors: 3}
  - mean
  - {use: dot-product, factors: 2, name: dot}
train: {batch_size: 32}
device: cpu
seed: 5
"""


def recipe(text: str = TEXT) -> Recipe:
    return parse_recipe(text, "ours.yaml")


def swept(chosen: Recipe, name: str | None = None) -> list[Sweep]:
    return list(find_rates(chosen, load(()), models_to_try(chosen, name), reporter=Quiet()))


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(
        main, list(map(str, arguments)), prog_name="cfplug", env={"COLUMNS": "80"}
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with ours.yaml in it, as the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ours.yaml").write_text(TEXT)
    return tmp_path


# The sweep


def test_each_model_that_learns_by_gradient_has_a_curve() -> None:
    found = swept(recipe())
    assert [each.model for each in found] == ["pmf", "dot"]
    for each in found:
        rate = each.curve["rate"].to_numpy()
        assert len(rate) <= STEPS
        assert rate == pytest.approx(
            [LOWEST * (HIGHEST / LOWEST) ** (step / STEPS) for step in range(len(rate))]
        )
        assert np.isfinite(each.curve["loss"]).all()
        assert set(each.suggestions) == {"valley", "steep", "minimum"}
        assert all(LOWEST / 10 <= value <= HIGHEST for value in each.suggestions.values())


def test_a_sweep_is_repeatable_and_depends_on_the_seed() -> None:
    torch.rand(3)
    first, again, other = (
        swept(recipe(), "pmf"),
        swept(recipe(), "pmf"),
        swept(recipe(TEXT.replace("5", "6")), "pmf"),
    )
    pd.testing.assert_frame_equal(first[0].curve, again[0].curve, check_exact=True)
    assert first[0].suggestions == again[0].suggestions
    assert not first[0].curve["loss"].head(20).equals(other[0].curve["loss"].head(20))


def test_the_first_loss_is_that_of_the_model_before_training(tmp_path: Path) -> None:
    chosen = recipe(TEXT.replace("batch_size: 32", "batch_size: 4096"))
    task = next(tasks(chosen, load(()), tmp_path, reporter=Quiet()))
    loss = float(((task.train.rating - 0) ** 2).mean())  # factors and biases start near zero
    assert sweep(task).curve["loss"].iloc[0] == pytest.approx(loss, rel=0.02)


def test_a_sweep_stops_where_the_loss_runs_away() -> None:
    text = TEXT.replace("batch_size: 32", "batch_size: 32, optimizer: sgd")
    (found,) = swept(recipe(text), "dot")
    assert len(found.curve) < STEPS
    assert found.curve["loss"].iloc[-1] > 2 * found.curve["loss"].min()


def test_a_sweep_is_of_the_recipes_settings_and_not_of_its_schedule() -> None:
    plain, other, decayed = (
        swept(recipe(TEXT.replace("batch_size: 32", f"batch_size: 32{more}")), "pmf")[0].curve
        for more in ("", ", schedule: sgdr, cycles: 1", ", weight_decay: 3")
    )
    pd.testing.assert_frame_equal(plain, other, check_exact=True)
    assert not plain.equals(decayed)


# What is read off


def curve(losses: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"rate": np.geomspace(LOWEST, HIGHEST, len(losses)), "loss": losses})


def test_the_rules_find_their_places_on_a_curve_that_was_drawn_for_them() -> None:
    flat, fall, rise = [3.0] * 40, list(np.linspace(3, 1, 31)), list(np.geomspace(1, 9, 29))
    drawn = curve([*flat, *fall, *rise])
    found = read_off("drawn", drawn)
    lowest = drawn["rate"][70]
    assert found.suggestions["minimum"] == pytest.approx(lowest / 10)
    assert drawn["rate"][40] <= found.suggestions["valley"] < lowest
    assert drawn["rate"][39] <= found.suggestions["steep"] < lowest


def test_a_curve_ends_before_the_first_nan_loss() -> None:
    losses = [*np.linspace(3, 1, 60), float("nan"), 2.0, float("inf")]
    assert len(read_off("drawn", curve(losses)).curve) == 60


@pytest.mark.parametrize(("numbers", "message"), [(0, 0), (16, 16)])
def test_a_curve_that_is_too_short_is_an_error(numbers: int, message: int) -> None:
    with pytest.raises(TrainingError) as caught:
        read_off("ours", curve([2.0] * numbers + [float("nan")] * 20))
    assert (
        str(caught.value)
        == f"ours: the loss is not a number after {message} steps, at a rate of 1e-07 and more"
    )


# The drawing


def test_the_drawing_shows_the_curve_and_each_suggestion() -> None:
    drawn = read_off("a <b> & c", curve([*np.linspace(3, 1, 80), *np.linspace(1, 2, 20)]))
    text = drawn.svg()
    words = {element.text for element in ElementTree.fromstring(text).iter() if element.text}
    assert {
        "valley",
        "steep",
        "minimum",
        "learning rate",
        "a <b> & c: the loss as the rate grows",
    } <= words


# The command


def test_the_command_prints_the_rates_and_where_the_plots_are_and_writes_nothing_else(
    here: Path,
) -> None:
    result = call("find-rate", "ours.yaml")
    assert result.exit_code == 0, result.output
    names = [f"rates/ours-{model}.{kind}" for model in ("pmf", "dot") for kind in ("svg", "csv")]
    found = [path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file()]
    assert sorted(found) == sorted(["ours.yaml", *names])
    assert result.stdout.splitlines()[0].split() == ["model", "valley", "steep", "minimum"]
    assert result.stdout.splitlines()[-4:] == names
    assert (here / names[0]).read_text().startswith("<svg")
    assert list(pd.read_csv(here / names[1])) == ["rate", "loss"]


def test_the_command_can_be_asked_for_one_model_in_json_and_elsewhere(here: Path) -> None:
    result = call(
        "find-rate",
        "ours.yaml",
        "--model",
        "dot",
        "--out",
        "there",
        "--set",
        "train.batch_size=64",
        "--json",
    )
    assert result.exit_code == 0, result.output
    (answer,) = json.loads(result.stdout)
    assert list(answer) == ["model", "valley", "steep", "minimum", "plot", "curve"]
    assert (answer["model"], answer["plot"], answer["curve"]) == (
        "dot",
        "there/ours-dot.svg",
        "there/ours-dot.csv",
    )
    assert not (here / "rates").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--model", "dott"], "no model called dott; did you mean dot? (pmf, mean, dot)"),
        (["--model", "mean"], "mean fits itself, so it has no learning rate"),
        ([], "no model of it learns by gradient, so none has a learning rate"),
    ],
)
def test_a_model_without_a_rate_is_reported_before_data_is_read(
    here: Path, options: list[str], text: str
) -> None:
    if not options:
        (here / "ours.yaml").write_text("data: synthetic\nmodels: [mean, bias]\n")
    result = call("find-rate", "ours.yaml", *options)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == f"ours.yaml: {text}"
    assert "reading" not in result.stderr
    assert not (here / "rates").exists()


def test_a_folder_that_cannot_be_written_is_named(here: Path) -> None:
    (here / "file").write_text("")
    result = call("find-rate", "ours.yaml", "--model", "dot", "--out", "file")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "cannot write file: File exists"
