"""Runs of data in memory, of recipes that are mappings or names, and overrides as values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cfplug
from cfplug.errors import ArtifactError, DataError, RecipeError
from cfplug.progress import Quiet
from cfplug.runs import pipeline

MAPPING = {"models": ["bias"], "metrics": ["mse"]}


def ratings(n_users: int = 13, n_items: int = 7) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    pairs = pd.MultiIndex.from_product([range(n_users), range(n_items)], names=["user", "item"])
    frame = pairs.to_frame(index=False).sample(frac=0.8, random_state=3)
    return frame.assign(rating=rng.integers(1, 6, len(frame)).astype(float))


def quiet_run(recipe: Any, out: Path, **more: Any) -> cfplug.Run:
    return cfplug.run(recipe, out=out, reporter=Quiet(), **more)


def test_a_mapping_and_a_table_of_ratings_are_a_run(tmp_path: Path) -> None:
    run = quiet_run(MAPPING, tmp_path, data=ratings())
    assert len(run.metrics) == 1
    assert run.model.predict(pd.DataFrame({"user": [1], "item": [2]}))["prediction"].notna().all()


def test_the_folder_says_that_the_data_came_from_memory_and_has_its_hash(tmp_path: Path) -> None:
    table = ratings()
    run = quiet_run(MAPPING, tmp_path, data=table)
    environment = json.loads((run.path / "environment.json").read_text())
    expected = cfplug.Dataset.build("data", table)
    assert environment["data"] == f"{expected}, from memory"
    assert environment["data_sha256"] == expected.hash()
    assert "data:\n  use: memory\n" in (run.path / "resolved.yaml").read_text()


def test_such_a_run_is_opened_again_without_its_data(tmp_path: Path) -> None:
    run = quiet_run(MAPPING, tmp_path, data=ratings())
    opened = cfplug.open_run(run.path)
    pairs = ratings()[["user", "item"]]
    assert opened.model.predict(pairs).equals(run.model.predict(pairs))
    assert opened.recipe.data.name == "memory"


def test_users_and_items_bring_metadata(tmp_path: Path) -> None:
    users = pd.DataFrame({"user": range(13), "age": np.arange(13) * 5.0})
    items = pd.DataFrame({"item": range(7), "title": list("abcdefg")})
    recipe = {**MAPPING, "models": ["tabular"], "features": {"user": ["age"]}}
    short = {"train": {"epochs": 1, "batch_size": 16}}
    run = quiet_run({**recipe, **short}, tmp_path, data=ratings(), users=users, items=items)
    assert list(run.model.catalogue.metadata["user"].table) == ["age"]


def test_a_dataset_takes_the_place_of_a_files_source(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text("data: movielens-100k\nmodels: [bias]\n")
    dataset = cfplug.Dataset.build("mine", ratings())
    run = quiet_run(path, tmp_path, data=dataset)
    assert run.recipe.data.name == "memory"
    assert (run.path / "recipe.yaml").read_text() == path.read_text()


def test_a_built_in_recipe_runs_by_its_name_with_overrides(tmp_path: Path) -> None:
    overrides = {"train.epochs": 1, "train.batch_size": 16, "analyzers": []}
    run = quiet_run("pmf", tmp_path, data=ratings(), overrides=overrides)
    assert run.path.name.startswith("pmf-")
    assert run.recipe.models[0].train is not None
    assert run.recipe.models[0].train.epochs == 1


def test_a_recipe_that_is_read_already_takes_data_and_overrides(tmp_path: Path) -> None:
    recipe = cfplug.check(MAPPING, data=ratings())
    run = quiet_run(recipe, tmp_path, data=ratings(), overrides={"seed": 7})
    assert run.recipe.seeds == (7,)
    assert run.recipe.text == recipe.text


def test_check_returns_the_recipe() -> None:
    recipe = cfplug.check("pmf", overrides={"models.0.factors": 8})
    assert recipe.models[0].use.params.factors == 8


def test_check_raises_every_problem_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        cfplug.check({"models": ["biass"], "metrics": ["mze"]}, data=ratings())
    assert len(caught.value.problems) == 2


def test_check_finds_a_loss_that_does_not_fit_the_data() -> None:
    table = ratings().assign(rating=lambda frame: np.linspace(1, 5, len(frame)))
    recipe = {"models": ["pmf"], "loss": "cross-entropy", "train": {"epochs": 1}}
    with pytest.raises(RecipeError, match="cross-entropy needs ratings in levels"):
        cfplug.check(recipe, data=table)


def test_a_recipe_without_data_needs_it() -> None:
    with pytest.raises(RecipeError, match="a recipe needs data"):
        cfplug.check(MAPPING)
    with pytest.raises(RecipeError) as caught:
        cfplug.run({**MAPPING, "data": "memory"}, reporter=Quiet())
    assert "data: expected the data from Python, got none." in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"data": [1, 2]}, "data: expected a Dataset or a DataFrame of ratings, got list."),
        ({"users": ratings()}, "users and items: expected with a table of ratings"),
    ],
)
def test_what_is_not_data_is_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError) as caught:
        cfplug.check(MAPPING, **arguments)
    assert text in str(caught.value)


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was stopped while it wrote its files."""

    def stop(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            quiet_run(MAPPING, tmp_path, data=ratings())
    (folder,) = tmp_path.glob("*.partial")
    return folder


def test_resume_takes_the_same_data_again(stopped: Path) -> None:
    run = cfplug.resume(stopped, data=ratings(), reporter=Quiet())
    assert len(run.metrics) == 1


def test_resume_without_the_data_says_what_to_do(stopped: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        cfplug.resume(stopped, reporter=Quiet())
    assert str(caught.value) == (
        f"{stopped.name}: its data came from memory and is not in the folder. "
        f"Give it again: cfplug.resume({str(stopped)!r}, data=...)."
    )


def test_resume_with_other_data_is_refused(stopped: Path) -> None:
    with pytest.raises(ArtifactError, match="the data is not what it was when the run began"):
        cfplug.resume(stopped, data=ratings().iloc[1:], reporter=Quiet())


def test_resume_refuses_data_that_the_run_does_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_arguments: object) -> None:
        raise KeyboardInterrupt

    recipe = {**MAPPING, "data": {"use": "synthetic", "users": 31, "items": 17, "ratings": 200}}
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            quiet_run(recipe, tmp_path)
    (folder,) = tmp_path.glob("*.partial")
    with pytest.raises(ArtifactError, match="comes from the source tables/synthetic"):
        cfplug.resume(folder, data=ratings(), reporter=Quiet())
