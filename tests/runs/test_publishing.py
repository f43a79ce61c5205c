"""The page and the pictures of a finished run, made again from its folder alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

import cfplug
from cfplug.errors import ArtifactError
from cfplug.files import sha256
from cfplug.progress import Quiet
from cfplug.recipe.parser import parse_recipe
from cfplug.report.elements import Chart
from cfplug.report.serialize import names_of
from cfplug.runs.page import remake
from cfplug.runs.run import Run

RECIPE = """\
title: ours & theirs
data: {use: synthetic, users: 31, items: 17, ratings: 300}
split: {use: k-fold, folds: 2}
train: {epochs: 1, batch_size: 80}
models: [{use: pmf, factors: 3}, bias]
metrics: [mse, mae]
analyzers: [learning-curve, bias-ranking]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return cfplug.run(
        parse_recipe(RECIPE, "ours.yaml"), out=tmp_path_factory.mktemp("runs"), reporter=Quiet()
    )


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run.path, tmp_path / "copy"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_page_made_again_is_the_page_that_the_run_left(copied: Path) -> None:
    before = files_of(copied)
    assert remake(copied) == [copied / "report.html"]
    assert files_of(copied) == before


def test_a_page_that_was_lost_or_changed_is_made_again_and_is_in_the_index(copied: Path) -> None:
    before = (copied / "report.html").read_bytes()
    for spoil in (lambda page: page.unlink(), lambda page: page.write_text("what?")):
        spoil(copied / "report.html")
        remake(copied)
        assert (copied / "report.html").read_bytes() == before
        assert json.loads((copied / "files.json").read_text())["report.html"] == sha256(before)


def test_every_chart_becomes_a_picture_with_its_data_next_to_it(run: Run, copied: Path) -> None:
    page, *figures = remake(copied, figures=True)
    names = [figure.relative_to(copied).as_posix() for figure in figures]
    charts = [
        name
        for section in run.sections
        for name, each in names_of(section)
        if isinstance(each, Chart)
    ]
    assert len(names) == len(set(names)) == len(charts) >= 4
    assert page.name == "report.html"
    index = json.loads((copied / "files.json").read_text())
    for figure, name in zip(figures, names, strict=True):
        assert (
            ElementTree.fromstring(figure.read_text(encoding="utf-8")).tag
            == "{http://www.w3.org/2000/svg}svg"
        )
        assert index[name] == sha256(figure.read_bytes())
        assert (copied / name.replace("figures/", "sections/", 1)).with_suffix(".csv").exists()
    assert cfplug.open_run(copied).sections == run.sections


def test_pictures_are_the_same_each_time(copied: Path) -> None:
    remake(copied, figures=True)
    before = files_of(copied)
    remake(copied, figures=True)
    assert files_of(copied) == before


@pytest.mark.parametrize(
    "name", ["sections.json", "history.csv", "environment.json", "metrics.json"]
)
def test_what_was_changed_since_the_run_makes_no_page(copied: Path, name: str) -> None:
    with (copied / name).open("a") as file:
        file.write(" ")
    before = files_of(copied)
    with pytest.raises(ArtifactError, match=f"{name} is not the file that the run wrote"):
        remake(copied)
    assert files_of(copied) == before


def test_an_unfinished_run_has_no_page_to_make(copied: Path, tmp_path: Path) -> None:
    copied.rename(tmp_path / "ours.partial")
    with pytest.raises(ArtifactError, match="is not finished; go on with: cfplug resume"):
        remake(tmp_path / "ours.partial")
    with pytest.raises(ArtifactError, match="there is no such run"):
        remake(tmp_path / "nowhere")
