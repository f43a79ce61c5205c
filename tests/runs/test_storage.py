"""What lies in a run folder, and what is refused when one is opened."""

from __future__ import annotations

import io
import json
import os
import pickle
import pickletools
import shutil
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import cfplug
from cfplug import RecipeError
from cfplug.data.vocabulary import SIDES
from cfplug.errors import ArtifactError
from cfplug.evaluation.cold_start import OUTCOMES, summarize
from cfplug.files import sha256, write_bytes
from cfplug.plugin.discovery import Candidate, installed
from cfplug.plugin.registry import Registry, assemble
from cfplug.progress import Quiet
from cfplug.recipe.parser import parse_recipe
from cfplug.recipe.recipe import Recipe
from cfplug.report.serialize import csv_files
from cfplug.runs import runner, storage
from cfplug.runs.folder import RunFolder
from cfplug.runs.run import Run
from cfplug.runs.storage import INDEX, open_run, parquet

RECIPE = """\
title: ours
data: {use: synthetic, users: 31, items: 17, ratings: 200}
train: {epochs: 2, batch_size: 32}
models: [{use: pmf, factors: 3}, bias]
analyzers: [bias-ranking]
claims: [{metric: mse, at_most: 9, model: pmf, source: a paper}]
"""

FILES = {
    *(
        "recipe.yaml",
        "resolved.yaml",
        "metrics.json",
        "claims.json",
        "history.csv",
        "predictions.parquet",
    ),
    *(
        "comparison.csv",
        "models/pmf/seconds.json",
        "models/bias/seconds.json",
        "environment.json",
        "report.html",
    ),
    *("sections.json", "catalogue.json", "metadata.json", "rated.safetensors"),
    *("data.json", "files.json", "models/pmf/weights.safetensors", "models/pmf/model.json"),
    *("models/bias/weights.safetensors", "models/bias/model.json"),
}

OPENED = sorted(
    {
        *("recipe.yaml", "resolved.yaml", "metrics.json", "sections.json", "catalogue.json"),
        *("metadata.json", "rated.safetensors"),
        *(name for name in FILES if name.startswith("models/")),
    }
)
"""The files that are read when a run is opened."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs")
    return cfplug.run(parse_recipe(RECIPE, "ours.yaml"), out=out, reporter=Quiet())


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Path:
    """The run's folder, to be spoilt."""
    return Path(shutil.copytree(run.path, tmp_path / "copy"))


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def refused(folder: Path, name: str) -> str:
    found, index = (
        sha256((folder / name).read_bytes()),
        json.loads((folder / "files.json").read_text()),
    )
    return (
        f"{folder / name} is not the file that the run wrote: its SHA-256 is {found[:12]}..., "
        f"not {index[name][:12]}..."
    )


def planted(folder: Path, name: str, data: bytes) -> None:
    """Change a file as somebody would who knows of the index."""
    (folder / name).write_bytes(data)
    index = json.loads((folder / "files.json").read_text())
    (folder / "files.json").write_text(json.dumps(index | {name: sha256(data)}))


# What there is


def test_a_run_folder_holds_exactly_its_files_and_the_docstring_says_what_for(run: Run) -> None:
    listed = {path for path, _ in csv_files(run.sections)}
    assert len(listed) >= 4
    assert all(
        path.startswith(("sections/pmf/bias-ranking/", "sections/bias/bias-ranking/"))
        for path in listed
    )
    assert files_of(run.path) == FILES | listed
    for name in FILES | {"sections/MODEL/ANALYZER/*.csv"}:
        shown = name.replace("/pmf/", "/NAME/").replace("/bias/", "/NAME/")
        assert f"`{shown}`" in (storage.__doc__ or "")


def test_the_index_has_every_other_file(run: Run) -> None:
    index = json.loads((run.path / "files.json").read_text())
    assert index == {
        name: sha256((run.path / name).read_bytes())
        for name in sorted(files_of(run.path) - {INDEX})
    }


def is_pickle(data: bytes) -> bool:
    try:
        return bool(list(pickletools.genops(data)))
    except Exception:
        return False


def test_no_file_is_a_pickle_or_an_archive_of_one(run: Run) -> None:
    assert is_pickle(pickle.dumps({"weights": [1.0]}))
    assert [name for name in FILES if is_pickle((run.path / name).read_bytes())] == []
    assert [name for name in FILES if zipfile.is_zipfile(run.path / name)] == []


def test_an_opened_run_is_the_run_that_was_left(run: Run) -> None:
    found = open_run(run.path)
    assert (found.path, found.recipe) == (run.path, run.recipe)
    assert found.recipe.text == RECIPE
    pd.testing.assert_frame_equal(found.metrics, run.metrics, check_exact=True)
    assert found.sections == run.sections
    assert (str(found), found.claim_results()) == (str(run), run.claim_results())
    assert [(model.fold, model.seconds) for model in found.models] == [
        ("", model.seconds) for model in run.models
    ]
    assert all(model.seconds > 0 for model in run.models)
    pd.testing.assert_frame_equal(found.predictions(), run.predictions(), check_exact=True)
    assert found.comparison() == run.comparison()
    asked = pd.DataFrame({"user": [3, 1, 31, 99], "item": [2, 17, 5, 5]})
    for left, opened in zip(run.models, found.models, strict=True):
        pd.testing.assert_frame_equal(opened.predict(asked), left.predict(asked), check_exact=True)
        pd.testing.assert_frame_equal(
            opened.recommend(7, 4), left.recommend(7, 4), check_exact=True
        )


def test_the_predictions_of_the_folder_are_the_models_own(run: Run) -> None:
    kept = pd.read_parquet(run.path / "predictions.parquet")
    assert list(kept) == [
        "model",
        "seed",
        "fold",
        "part",
        "user",
        "item",
        "rating",
        "prediction",
        "origin",
    ]
    assert len(kept) == 2 * 40
    for name, rows in kept.groupby("model"):
        reported = run.find(str(name)).predict(rows)
        assert reported["prediction"].tolist() == rows["prediction"].tolist()
        mse = ((rows["prediction"] - rows["rating"]) ** 2).mean()
        assert run.values(str(name), "mse").item() == pytest.approx(mse, rel=1e-12)


def test_a_run_can_be_opened_where_it_was_moved_to(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copied.parent)
    assert open_run("copy").path == Path("copy")


@pytest.mark.parametrize("name", ["checkpoints", "files.json", "model with spaces", "é"])
def test_a_model_may_have_any_name_that_names_a_folder(tmp_path: Path, name: str) -> None:
    text = RECIPE.replace("bias]\n", f'{{use: bias, name: "{name}"}}]\n', 1)
    made = cfplug.run(parse_recipe(text, "ours.yaml"), out=tmp_path, reporter=Quiet())
    assert (made.path / "models" / name / "model.json").exists()
    assert open_run(made.path).find(name).name == name


def test_with_several_seeds_each_model_has_a_folder_for_each(run: Run) -> None:
    several = parse_recipe(f"{RECIPE}seeds: [8, 5]\n", "ours.yaml")
    assert [storage.model_folder(several, "pmf", seed) for seed in several.seeds] == [
        "models/pmf-seed-8",
        "models/pmf-seed-5",
    ]
    assert storage.model_folder(run.recipe, "pmf", 42) == "models/pmf"


def test_with_folds_each_model_has_a_folder_for_each(run: Run) -> None:
    several = parse_recipe(f"{RECIPE}seeds: [8, 5]\n", "ours.yaml")
    assert storage.model_folder(several, "pmf", 8, "u1") == "models/pmf-fold-u1-seed-8"
    assert storage.model_folder(run.recipe, "pmf", 42, "u1") == "models/pmf-fold-u1"


# What is refused


@settings(
    max_examples=20,
    deadline=None,
    phases=[
        Phase.reuse,
        Phase.generate,
    ],  # any byte says it all; to look for a smaller one takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.sampled_from(OPENED), place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255)
)
def test_one_changed_byte_is_refused(copied: Path, name: str, place: float, flip: int) -> None:
    path = copied / name
    before = path.read_bytes()
    data = bytearray(before)
    data[int(place * len(data))] ^= flip
    path.write_bytes(data)
    try:
        with pytest.raises(ArtifactError) as caught:
            open_run(copied)
        assert str(caught.value) == refused(copied, name)
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("name", OPENED)
def test_a_file_that_was_cut_is_refused(copied: Path, name: str) -> None:
    (copied / name).write_bytes((copied / name).read_bytes()[:-1])
    with pytest.raises(ArtifactError) as caught:
        open_run(copied)
    assert str(caught.value) == refused(copied, name)


@pytest.mark.parametrize("name", OPENED)
def test_a_file_that_is_gone_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(ArtifactError) as caught:
        open_run(copied)
    assert str(caught.value) == f"{copied / name} cannot be read: No such file or directory"


def test_weights_of_two_models_cannot_be_swapped(copied: Path) -> None:
    pmf, bias = (
        copied / "models/pmf/weights.safetensors",
        copied / "models/bias/weights.safetensors",
    )
    pmf.rename(copied / "aside")
    bias.rename(pmf)
    (copied / "aside").rename(bias)
    with pytest.raises(ArtifactError) as caught:
        open_run(copied)
    assert str(caught.value) == refused(copied, "models/pmf/weights.safetensors")


def test_a_run_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        open_run(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path}/none: there is no such run"


def test_a_run_that_is_not_finished_says_how_to_go_on(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "ours", {"recipe.yaml": RECIPE})
    with pytest.raises(ArtifactError) as caught:
        open_run(folder.partial)
    assert (
        str(caught.value)
        == f"{folder.partial} is not finished; go on with: cfplug resume {folder.partial}"
    )


def test_a_folder_that_is_not_a_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        open_run(tmp_path)
    assert (
        str(caught.value) == f"{tmp_path} has no files.json; it is not a run folder, or not whole"
    )


def test_an_index_that_is_not_a_table_is_refused(copied: Path) -> None:
    (copied / "files.json").write_text("[]")
    with pytest.raises(ArtifactError) as caught:
        open_run(copied)
    assert str(caught.value) == f"{copied}/files.json is damaged: it is not a table of files"


def test_a_file_that_the_index_does_not_name_is_refused(copied: Path) -> None:
    index = json.loads((copied / "files.json").read_text())
    del index["sections.json"]
    (copied / "files.json").write_text(json.dumps(index))
    with pytest.raises(ArtifactError) as caught:
        open_run(copied)
    found = sha256((copied / "sections.json").read_bytes())[:12]
    assert str(caught.value) == (
        f"{copied}/sections.json is not the file that the run wrote: its SHA-256 is {found}..., "
        f"not None..."
    )


# A hostile folder, whose index fits what was planted in it


class Trap:
    """Whoever unpickles this runs code."""

    def __reduce__(self):
        return os.mkdir, (os.environ["CFPLUG_TRAP"],)


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CFPLUG_TRAP", str(tmp_path / "sprung"))
    return tmp_path / "sprung"


def test_a_pickle_in_the_place_of_weights_is_refused_and_never_run(
    copied: Path, trap: Path
) -> None:
    name = "models/pmf/weights.safetensors"
    planted(copied, name, pickle.dumps(Trap()))
    with pytest.raises(ArtifactError) as caught:
        open_run(copied)
    assert (
        str(caught.value)
        == f"{copied / name} is damaged: Error while deserializing header: header too large"
    )
    assert not trap.exists()


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.mkdir", "!!python/object/new:os.mkdir"])
@pytest.mark.parametrize("name", ["resolved.yaml", "recipe.yaml"])
def test_a_recipe_with_tags_is_only_text(copied: Path, trap: Path, name: str, tag: str) -> None:
    text = (copied / name).read_text()
    assert text.startswith("title: ours\n")
    planted(copied, name, text.replace("title: ours", f'title: {tag} ["{trap}"]').encode())
    if name == "recipe.yaml":
        assert tag in open_run(copied).recipe.text
    else:
        with pytest.raises(RecipeError) as caught:
            open_run(copied)
        assert str(caught.value).startswith(
            f"{copied}/resolved.yaml:1:8: title: tags are not allowed; write the plain value\n"
        )
    assert not trap.exists()


def test_a_recipe_cannot_name_a_module(copied: Path) -> None:
    text = (copied / "resolved.yaml").read_text()
    planted(copied, "resolved.yaml", text.replace("use: factors/pmf", "use: os:system").encode())
    with pytest.raises(RecipeError) as caught:
        open_run(copied)
    line = text[: text.index("use: factors/pmf")].count("\n") + 1
    assert str(caught.value) == (
        f'{copied}/resolved.yaml:{line}:8: models[0].use: no model called "os:system" (cfplug '
        f"list models)\n"
        "1 problem; nothing was run."
    )


def words(copied: Path, change: dict) -> bytes:
    return json.dumps(json.loads((copied / "models/pmf/model.json").read_text()) | change).encode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scale": None}, "TypeError: 'NoneType' object is not subscriptable"),
        ({"scale": {}}, "KeyError: 'low'"),
        ({"fold": 3, "scale": 3}, "TypeError: 'int' object is not subscriptable"),
        ({"seed": "import os"}, "ValueError: invalid literal for int() with base 10: 'import os'"),
    ],
)
def test_hostile_texts_of_a_model_are_refused(copied: Path, change: dict, reason: str) -> None:
    planted(copied, "models/pmf/model.json", words(copied, change))
    with pytest.raises(ArtifactError) as caught:
        open_run(copied)
    assert str(caught.value) == f"model.json of pmf is damaged: {reason}"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("catalogue.json", "[]", "TypeError: list indices must be integers or slices, not str"),
        ("catalogue.json", '{"user": {}}', "KeyError: 'labels'"),
        ("sections.json", '[{"title": "x"}]', "KeyError: 'tables'"),
        ("sections.json", "3", "TypeError: 'int' object is not iterable"),
        ("metrics.json", "3", "ValueError: DataFrame constructor not properly called!"),
        ("metrics.json", "[]", "ValueError: it has no rows"),
        (
            "metrics.json",
            '[{"model": "pmf", "seed": 42, "fold": "../u1", "part": "valid", "metric": "mse", '
            '"value": 1}]',
            "ValueError: a fold's name is text that can name a folder; is '../u1'",
        ),
        ("models/pmf/seconds.json", "{}", "KeyError: 'seconds'"),
    ],
)
def test_data_of_another_shape_is_refused(copied: Path, name: str, data: str, reason: str) -> None:
    planted(copied, name, data.encode())
    with pytest.raises(ArtifactError) as caught:
        open_run(copied)
    assert str(caught.value) == f"{copied / name} is damaged: {reason}"


# A stopped run


class Stop(Quiet):
    """Interrupts a run where it says these words."""

    def __init__(self, words: str) -> None:
        self.words = words

    def say(self, text: str) -> None:
        if self.words in text:
            raise KeyboardInterrupt

    def progress(self, done: float | None, message: str) -> None:
        self.say(message)


@pytest.fixture
def stopped(tmp_path: Path) -> Callable[[str], RunFolder]:
    def until(words: str) -> RunFolder:
        with pytest.raises(KeyboardInterrupt):
            cfplug.run(parse_recipe(RECIPE, "ours.yaml"), out=tmp_path, reporter=Stop(words))
        (partial,) = tmp_path.glob("ours-*.partial")
        return RunFolder.of_partial(partial)

    return until


@pytest.mark.parametrize("words", ['{"history": [3]}', '{"history": "no JSON"}', "{}"])
def test_an_invalid_checkpoint_is_refused(stopped: Callable[[str], RunFolder], words: str) -> None:
    folder = stopped("epoch 1 of 2")
    path = folder.partial / "checkpoints/models/pmf.safetensors"
    write_bytes(
        path,
        storage.arrays_to_bytes(
            {"x": np.arange(2)}, {k: json.dumps(v) for k, v in json.loads(words).items()}
        ),
    )
    with pytest.raises(ArtifactError) as caught:
        storage.read_checkpoint(folder, "models/pmf")
    cause = caught.value.__cause__
    assert str(caught.value) == f"{path} is damaged: {type(cause).__name__}: {cause}"


def test_a_cut_checkpoint_is_refused(stopped: Callable[[str], RunFolder]) -> None:
    folder = stopped("epoch 1 of 2")
    path = folder.partial / "checkpoints/models/pmf.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactError) as caught:
        cfplug.resume(folder.partial, reporter=Quiet())
    assert str(caught.value) == (
        f"{path} is damaged: Error while deserializing header: incomplete metadata, file not "
        f"fully covered"
    )


def test_changed_weights_of_a_finished_model_are_not_gone_on_with(
    stopped: Callable[[str], RunFolder],
) -> None:
    folder = stopped("round 1 of")
    path = folder.partial / "models/pmf/weights.safetensors"
    data = bytearray(path.read_bytes())
    expected = sha256(data)[:12]
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError) as caught:
        cfplug.resume(folder.partial, reporter=Quiet())
    assert str(caught.value) == (
        f"{path} is not the file that the run wrote: its SHA-256 is {sha256(data)[:12]}..., not "
        f"{expected}..."
    )


def test_a_folder_lacks_only_its_name_when_the_index_is_there_and_true(
    run: Run, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "ours")
    shutil.copytree(run.path, folder.partial)
    assert storage.lacks_only_its_name(folder)
    (folder.partial / "history.csv").write_text("changed")
    with pytest.raises(ArtifactError) as caught:
        storage.lacks_only_its_name(folder)
    assert str(caught.value) == refused(folder.partial, "history.csv")
    (folder.partial / "files.json").unlink()
    assert not storage.lacks_only_its_name(folder)


def test_the_index_leaves_out_itself_drafts_and_checkpoints(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "ours", {"recipe.yaml": RECIPE})
    for name in (".files.json.tmp", "models/x/.model.json.tmp", "checkpoints/models/x.safetensors"):
        (folder.partial / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.partial / name).touch()
    storage.write_index(folder)
    assert list(json.loads((folder.partial / "files.json").read_text())) == ["recipe.yaml"]


# Tables


def test_a_column_of_numbers_and_text_becomes_text_in_parquet() -> None:
    frame = pd.DataFrame(
        {
            "user": pd.Series([1, "1", "é"], dtype=object),
            "item": [3, 2, 1],
            "value": [0.5, 1.5, -2.0],
        }
    )
    back = pd.read_parquet(io.BytesIO(parquet(frame)))
    assert back["user"].tolist() == ["1", "1", "é"]
    assert back["item"].tolist() == [3, 2, 1]
    assert back["value"].tolist() == [0.5, 1.5, -2.0]


# A cold start that draws at random


class Drawn:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def predict(self, pairs: pd.DataFrame) -> np.ndarray:
        return self.rng.uniform(1, 5, len(pairs))


def with_chance() -> Registry:
    """The installed plugins, and one whose cold start answers at random."""
    module = types.ModuleType("chance")
    module.cfplug_cold_starts = cfplug.hookimpl(  # type: ignore[attr-defined]
        _named(
            "cfplug_cold_starts", lambda: [cfplug.ColdStart("chance", adapt=adapt, origin="drawn")]
        )
    )
    return assemble([*installed(), Candidate("chance", "tests", "1", lambda: module)])


def _named(name: str, function: Callable) -> Callable:
    function.__name__ = name
    return function


def adapt(params, fitted, newcomers, context) -> Drawn:
    return Drawn(context.rng)


def test_an_answer_drawn_at_random_is_the_same_in_the_run_and_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = with_chance()
    monkeypatch.setattr(runner, "load", lambda folders: registry)
    monkeypatch.setattr(storage, "load", lambda folders: registry)
    recipe: Recipe = parse_recipe(f"{RECIPE}unknown: chance\n", "ours.yaml", registry=registry)
    made = cfplug.run(recipe, out=tmp_path, reporter=Quiet())
    asked = pd.DataFrame({"user": [98, 99, 98], "item": [1, 2, 3]})
    first = made.model.predict(asked)
    assert first["origin"].tolist() == ["drawn"] * 3
    assert first["prediction"].nunique() == 3
    pd.testing.assert_frame_equal(made.model.predict(asked), first)
    pd.testing.assert_frame_equal(open_run(made.path).model.predict(asked), first)


# Newcomers

ON_NEWCOMERS = """\
title: newcomers
data: {use: synthetic, users: 31, items: 17, ratings: 300}
split: {use: cold-users, folds: 3, support: 4}
train: {epochs: 1, batch_size: 32}
models: [{use: pmf, factors: 3}]
unknown: item-mean
cold_starts: [global-mean, mean-embedding]
reveal: [0, 2]
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return cfplug.run(
        parse_recipe(ON_NEWCOMERS, "new.yaml"), out=tmp_path_factory.mktemp("new"), reporter=Quiet()
    )


def test_how_newcomers_were_answered_comes_back(tried: Run) -> None:
    assert {"newcomers.csv", "newcomers.parquet", "metadata.json"} <= files_of(tried.path)
    opened = open_run(tried.path)
    pd.testing.assert_frame_equal(opened.cold_start_results, tried.cold_start_results)
    assert (
        opened.cold_start_results["cold_start"].tolist()
        == ["global-mean"] * 2 + ["mean-embedding"] * 2
    )
    outcomes = pd.read_parquet(tried.path / "newcomers.parquet")
    assert list(outcomes.columns) == OUTCOMES
    pd.testing.assert_frame_equal(summarize(outcomes), tried.cold_start_results)
    asked = outcomes[(outcomes["cold_start"] == "global-mean") & (outcomes["revealed"] == 0)]
    assert asked["newcomer"].is_unique, "each user is new in one fold"
    assert sorted(asked["fold"].unique()) == ["1", "2", "3"]


def test_metadata_comes_back_and_newcomers_are_answered_as_in_the_run(tried: Run) -> None:
    opened = open_run(tried.path)
    users = pd.DataFrame({"user": [90, 91], "age": ["34", None]})
    pairs = pd.DataFrame({"user": [90, 91, 92, 90], "item": [1, 2, 3, 55]})
    for made, back in zip(tried.models, opened.models, strict=True):
        for side in SIDES:
            before, after = made.catalogue.metadata[side], back.catalogue.metadata[side]
            assert (after.side, dict(after.roles)) == (before.side, dict(before.roles))
            pd.testing.assert_frame_equal(after.table, before.table, check_dtype=False)
            np.testing.assert_array_equal(back.vectors(side), made.vectors(side))
        assert back.train.batch.user.tolist() == made.train.batch.user.tolist()
        assert back.train.rating.tolist() == made.train.rating.tolist()
        warm = made.catalogue.item.decode(np.flatnonzero(made.support.count["item"] > 0)[:2])
        ratings = pd.DataFrame({"user": [90, 91], "item": warm, "rating": [5.0, None]})
        answers = [
            model.predict(pairs, newcomers=model.newcomers(users=users, ratings=ratings))
            for model in (made, back)
        ]
        pd.testing.assert_frame_equal(*answers)
        assert set(answers[0]["origin"]) == {"mean"}


@pytest.mark.parametrize("name", ["metadata.json", "newcomers.csv"])
def test_what_is_known_of_newcomers_is_refused_where_it_was_changed(
    tried: Run, name: str, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tried.path, tmp_path / "copy"))
    (folder / name).write_text((folder / name).read_text().replace("1", "2", 1))
    with pytest.raises(ArtifactError) as caught:
        open_run(folder)
    assert str(caught.value) == refused(folder, name)


def test_metadata_of_another_shape_is_a_damaged_file(tried: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tried.path, tmp_path / "copy"))
    text = json.dumps({"user": {"roles": {"age": "number"}, "columns": {"age": [1.0]}}, "item": {}})
    (folder / "metadata.json").write_text(text)
    index = json.loads((folder / "files.json").read_text())
    (folder / "files.json").write_text(
        json.dumps({**index, "metadata.json": sha256(text.encode())})
    )
    with pytest.raises(ArtifactError) as caught:
        open_run(folder)
    reported = "is damaged: ValueError: a column has 1 values; there are 31 ids"
    assert str(caught.value) == f"{folder / 'metadata.json'} {reported}"


def test_a_run_that_tried_nothing_on_newcomers_has_no_file_of_them(run: Run) -> None:
    assert not {"newcomers.csv", "newcomers.parquet"} & files_of(run.path)
    assert (list(open_run(run.path).cold_start_results.columns), len(run.cold_start_results)) == (
        list(run.cold_start_results.columns),
        0,
    )
