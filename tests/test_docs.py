"""Check what the pages say: their code runs, their lists are whole, their links work."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pandas as pd
import pytest

import cfplug
from cfplug.plugin import hookspecs
from cfplug.plugin.registry import load
from cfplug.progress import Quiet
from cfplug.recipe import builtin
from cfplug.recipe.parser import parse_recipe, read_recipe
from cfplug.recipe.recipe import KEYS
from cfplug.recipe.settings import TrainSettings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES = (ROOT / "recipes" / "README.md").read_text(encoding="utf-8")
REFERENCE = (ROOT / "plugins" / "REFERENCE.md").read_text(encoding="utf-8")
PLACES = (ROOT, ROOT / "cfplug")
ARCHIVE = ROOT.parent / "shared" / "data" / "ml-100k.zip"
NOT_PAGES = {".venv", ".outside", "runs", "node_modules", "templates"}
PAGES = sorted(path for path in ROOT.glob("**/*.md") if not set(path.parts) & NOT_PAGES)


def block(language: str, containing: str) -> str:
    """The one fenced block of the README in `language` that holds `containing`."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    (found,) = [text for text in blocks if containing in text]
    return str(found)


def test_the_recipe_in_the_readme_is_a_recipe() -> None:
    recipe = parse_recipe(block("yaml", "ratings.csv"), "my.yaml")
    assert [model.name for model in recipe.models] == ["bias", "pmf"]


def test_the_recipe_on_metadata_in_the_readme_is_a_recipe() -> None:
    recipe = parse_recipe(block("yaml", "item-age"), "my.yaml")
    assert [model.features is not None for model in recipe.models] == [False, True]


def test_the_plugin_in_the_readme_works_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(
        sys.modules, "median", raising=False
    )  # a test of the example may have loaded it
    folder = tmp_path / "my_plugins"
    folder.mkdir()
    (folder / "median.py").write_text(block("python", "hookimpl"), encoding="utf-8")
    recipe = tmp_path / "small.yaml"
    recipe.write_text(
        "data: {use: synthetic, users: 40, items: 30, ratings: 400}\n"
        "models: [bias]\nmetrics: [mse, median-error]\n",
        encoding="utf-8",
    )
    run = cfplug.run(recipe, out=tmp_path / "runs", plugins_dir=[folder], reporter=Quiet())
    predictions = cfplug.open_run(run.path, plugins_dir=[folder]).metrics
    assert predictions.set_index("metric")["value"].gt(0).to_dict() == {
        "mse": True,
        "median-error": True,
    }


@pytest.mark.skipif(not ARCHIVE.parent.exists(), reason=f"needs the real data in {ARCHIVE.parent}")
def test_the_python_in_the_readme_runs_on_the_real_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "recipes" / "pmf.yaml").read_text(encoding="utf-8")
    text = text.replace(
        "data: movielens-100k", f"data: {{use: movielens-100k, path: {os.fspath(ARCHIVE)}}}"
    )
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "pmf.yaml").write_text(
        text.replace("epochs: 5", "epochs: 1"), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(block("python", "recipes/pmf.yaml"), "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "at most 0.8217" in printed
    assert "warm" in printed
    assert isinstance(names["again"], cfplug.Run)


def test_the_python_with_data_in_memory_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [(user, item) for user in range(20) for item in range(12) if (user + item) % 3]
    ratings = pd.DataFrame(pairs, columns=["user", "item"])
    ratings["rating"] = (ratings["user"] * ratings["item"]) % 5 + 1
    ratings.to_csv(tmp_path / "ratings.csv", index=False)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(block("python", "read_csv"), "README.md", "exec"), names)
    assert [model.name for model in names["run"].models] == ["bias", "pmf"]
    assert "prediction" in capsys.readouterr().out


def test_the_lines_for_tests_of_ones_own_run_as_they_stand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
    (code,) = [
        text
        for text in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
        if "interactions" in text
    ]
    names: dict[str, Any] = {}
    exec(compile(code, "plugins/README.md", "exec"), names)
    assert len(names["train"]) == 600
    assert len(capsys.readouterr().out.splitlines()) == 1 + 3


def script(path: str) -> ModuleType:
    """A script that writes a part of the pages, as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_list_of_components_is_fresh() -> None:
    assert script("recipes/components.py").with_list(RECIPES, load()) == RECIPES, "run: make docs"


def test_the_reference_for_authors_is_fresh() -> None:
    reference = script("plugins/reference.py")
    assert reference.page(load()) == reference.PAGE.read_text(encoding="utf-8"), "run: make docs"


def test_the_code_in_the_pages_for_authors_is_that_of_files_that_tests_run() -> None:
    reference = script("plugins/reference.py")
    for page in reference.WITH_CODE:
        text = page.read_text(encoding="utf-8")
        assert reference.with_code(text) == text, "run: make docs"
    shown = re.findall(
        r"<!-- code: (\S+\.py) -->",
        "".join(page.read_text(encoding="utf-8") for page in reference.WITH_CODE),
    )
    assert {Path(path) for path in shown} == {
        path.relative_to(ROOT) for path in ROOT.glob("examples/plugins/*.py")
    }


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("cfplug_")])
def test_the_reference_has_every_hook_with_its_exact_arguments(hook: str) -> None:
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"### `{hook}({arguments})`\n" in REFERENCE


def test_the_page_on_recipes_names_every_key() -> None:
    settings = [each.name for each in attrs.fields(TrainSettings)]
    assert [key for key in (*KEYS, *settings) if f"`{key}`" not in RECIPES] == []


@pytest.mark.parametrize("name", builtin.names())
def test_each_recipe_is_right_and_on_the_page(name: str) -> None:
    recipe = read_recipe(builtin.find(name))
    assert builtin.title(builtin.find(name))
    assert f"[{name}.yaml]({name}.yaml)" in RECIPES
    assert parse_recipe(recipe.resolved(), str(builtin.find(name))) == recipe


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#:]+)\)", prose)
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_paths_in_contributing_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`([\w/]+(?:\.py|/))`", text)
    assert len(paths) > 30
    missing = [path for path in paths if not any((top / path).exists() for top in PLACES)]
    assert missing == []
