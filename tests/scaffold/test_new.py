"""New plugins: their names, their files, and that none is ever left half-written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

import cfplug
from cfplug.errors import ArtifactError
from cfplug.plugin.registry import load
from cfplug.scaffold import new
from cfplug.scaffold.new import CHOICES, make_file, make_plugin, parse_name

COMPONENTS = {
    "source": ("source", "csv"),
    "split": ("split", "by-user"),
    "model": ("model", "factors"),
    "self-fitting-model": ("model", "offsets"),
    "loss": ("loss", "pseudo-huber"),
    "metric": ("metric", "error-quantile"),
    "cold-start": ("cold-start", "means"),
    "analyzer": ("analyzer", "largest-errors"),
}
"""The kind of component of each choice, and the end of its name."""

LONG = "a-name-of-some-forty-letters-for-a-plugin"

WHOLE_FILES = {
    ".github/workflows/test.yml",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "recipes/scores.yaml",
    "src/cfplug_scores/__init__.py",
    "tests/test_contract.py",
    "tests/test_recipe.py",
}
"""The files of every package."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A package for each kind alone, one with all, one with the longest name; not to be changed."""
    out = tmp_path_factory.mktemp("made")
    packages = {f"only-{kind}": (kind,) for kind in CHOICES} | {"scores": CHOICES, LONG: CHOICES}
    return {name: make_plugin(name, kinds, out) for name, kinds in packages.items()}


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# Names


def test_a_name_may_start_with_cfplug_or_not() -> None:
    for name in ("item-scores", "cfplug-item-scores"):
        names = parse_name(name)
        found = (names.plugin, names.distribution, names.package, names.module)
        assert found == ("item-scores", "cfplug-item-scores", "cfplug_item_scores", "item_scores")


@given(st.one_of(st.text(max_size=8), st.from_regex(r"(cfplug-)?[a-z0-9A-Z_-]{1,8}")))
def test_any_text_is_a_name_for_all_purposes_or_an_error(name: str) -> None:
    try:
        names = parse_name(name)
    except cfplug.CfplugError:
        return
    assert names.package.isidentifier()
    assert names.module.isidentifier()
    cfplug.Metric(names.plugin, score="m:f")  # valid as a component's name, too


def refused(attempt: Callable[[], object]) -> str:
    with pytest.raises(cfplug.CfplugError) as caught:
        attempt()
    return str(caught.value)


EXPECTED = "plugin name: expected a kebab-case noun such as item-mean, got "
KEYWORD = "plugin name: class is a Python keyword. Choose another name."


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("My_Scores", f"{EXPECTED}'My_Scores'; did you mean my-scores?"),
        ("2nd", f"{EXPECTED}'2nd'; did you mean nd?"),
        ("../up", f"{EXPECTED}'../up'; did you mean up?"),
        ("", f"{EXPECTED}''"),
        ("cfplug-", f"{EXPECTED}'cfplug-'"),
        ("a\n", f"{EXPECTED}'a\\n'; did you mean a?"),
        ("class", KEYWORD),
        ("cfplug-class", KEYWORD),
    ],
)
def test_a_bad_name_gets_a_suggestion_before_anything_is_written(
    name: str, message: str, tmp_path: Path
) -> None:
    assert refused(lambda: make_plugin(name, ["metric"], tmp_path)) == message
    assert refused(lambda: make_file(name, "metric", tmp_path)) == message
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_a_plugin_that_is_installed_is_taken(tmp_path: Path) -> None:
    message = "plugin name: cfplug 0.1.0 already has a plugin called losses. Choose another name."
    assert refused(lambda: make_plugin("losses", ["loss"], tmp_path)) == message
    assert refused(lambda: make_file("losses", "loss", tmp_path)) == message


def test_a_file_may_not_hide_a_module(tmp_path: Path) -> None:
    import random

    message = (
        f"plugin name: there is already a module called random ({random.__file__}). "
        "Choose another name."
    )
    assert refused(lambda: make_file("random", "split", tmp_path)) == message
    assert list(tmp_path.iterdir()) == []


ADVICE = "already exists, and nothing is overwritten. Remove it or choose another name."


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    for target in (tmp_path / "cfplug-scores", tmp_path / "scores.py"):
        {
            "file": target.touch,
            "folder": target.mkdir,
            "link": lambda to=target: to.symlink_to("nowhere"),
        }[there]()  # type: ignore[misc]
    before = sorted(tmp_path.iterdir())
    message = f"{tmp_path / 'cfplug-scores'}: {ADVICE}"
    assert refused(lambda: make_plugin("scores", ["loss"], tmp_path)) == message
    message = f"{tmp_path / 'scores.py'}: {ADVICE}"
    assert refused(lambda: make_file("scores", "loss", tmp_path)) == message
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("text", ['say "hi"', "two\nlines", "back\\slash", " . ", "\x1b[31mred"])
def test_title_and_author_are_one_plain_line(text: str, tmp_path: Path) -> None:
    attempt = {
        "title": lambda: make_plugin("scores", ["loss"], tmp_path, title=text),
        "author": lambda: make_plugin("scores", ["loss"], tmp_path, author=text),
    }
    for key, fails in attempt.items():
        assert refused(fails).startswith(f'{key}: expected one line of text without " and \\, got ')
    assert list(tmp_path.iterdir()) == []


# The files of a package


def test_a_package_has_all_files_to_publish_it_and_a_module_for_each_kind(
    made: dict[str, Path],
) -> None:
    modules = {f"src/cfplug_scores/{kind.replace('-', '_')}.py" for kind in CHOICES}
    assert files_of(made["scores"]) == WHOLE_FILES | modules | {"src/cfplug_scores/ratings.csv"}


@pytest.mark.parametrize("kind", CHOICES)
def test_a_package_of_one_kind_has_nothing_of_the_others(kind: str, made: dict[str, Path]) -> None:
    sources = {path.name for path in made[f"only-{kind}"].glob("src/*/*")}
    more = {"ratings.csv"} if kind == "source" else set()
    assert sources == {"__init__.py", f"{kind.replace('-', '_')}.py"} | more


def test_the_contract_test_has_three_lines(made: dict[str, Path]) -> None:
    text = (made["scores"] / "tests" / "test_contract.py").read_text()
    assert [line for line in text.splitlines() if line] == [
        "from cfplug.testing import plugin_checks",
        'test_contract = plugin_checks("scores")',
    ]


def test_pyproject_describes_the_plugin_and_declares_its_entry_point(tmp_path: Path) -> None:
    given = {"title": "Scores, d'après Zoë & <b>.", "author": "Zoë O'Hara <zoe@localhost>"}
    folder = make_plugin("item-scores", ["loss"], tmp_path, **given)
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["name"], project["version"]) == ("cfplug-item-scores", "0.1.0")
    assert (project["description"], project["authors"]) == (
        given["title"][:-1],
        [{"name": given["author"]}],
    )
    assert project["dependencies"] == ["cfplug>=0.1"]
    assert project["optional-dependencies"] == {"test": ["cfplug[author]"]}
    assert project["entry-points"] == {"cfplug": {"item-scores": "cfplug_item_scores"}}
    assert "Copyright (c) Zoë O'Hara <zoe@localhost>\n" in (folder / "LICENSE").read_text(
        encoding="utf-8"
    )
    assert (folder / "README.md").read_text(encoding="utf-8").splitlines()[
        2
    ] == "Scores, d'après Zoë & <b>."


@pytest.mark.parametrize(
    ("version", "minimum"),
    [("0.1.0", "0.1"), ("1.20.3", "1.20"), ("0.2.0.dev3", "0.2.0.dev3"), ("2.0rc1", "2.0rc1")],
)
def test_a_pre_release_of_cfplug_is_required_as_it_is(version: str, minimum: str) -> None:
    assert new.minimum_version(version) == minimum


def test_the_workflow_of_a_package_runs_its_tests_on_two_pythons(made: dict[str, Path]) -> None:
    job = YAML(typ="safe").load((made["scores"] / ".github/workflows/test.yml").read_text())[
        "jobs"
    ]["test"]
    assert len(job["strategy"]["matrix"]["python"]) == 2
    assert job["steps"][1]["with"]["python-version"] == "${{ matrix.python }}"
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        'python -m pip install --editable ".[test]"',
        "python -m pytest",
    ]


def test_every_recipe_uses_the_components_of_its_package(made: dict[str, Path]) -> None:
    for name, folder in made.items():
        recipe = (folder / "recipes" / f"{name}.yaml").read_text()
        kinds = [name.removeprefix("only-")] if name.startswith("only-") else CHOICES
        for kind in kinds:
            assert f"{name}-{COMPONENTS[kind][1]}" in recipe


def ruff_findings(folder: Path, *command: str) -> str:
    """Return what ruff finds in `folder`, run there without the settings of cfplug."""
    ruff = shutil.which(
        "ruff", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    assert ruff, "ruff belongs to the extra dev"
    call = [ruff, *command, "--no-cache", "."]
    found = subprocess.run(call, capture_output=True, text=True, check=False, cwd=folder)
    return "" if found.returncode == 0 else found.stdout + found.stderr


def test_every_package_is_clean_for_ruff(made: dict[str, Path], tmp_path: Path) -> None:
    for name, folder in made.items():
        shutil.copytree(folder, tmp_path / name)
    assert ruff_findings(tmp_path, "format", "--diff") == ""
    assert ruff_findings(tmp_path, "check", "--extend-select", "I,B,UP") == ""


def as_installed(folder: Path, name: str) -> str:
    """Return a folder for PYTHONPATH that has the package as if it were installed."""
    package = parse_name(name).package
    info = folder / "src" / f"{package}-0.1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: cfplug-{name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[cfplug]\n{name} = {package}\n")
    return str(info.parent)


LOOK = """
import json, sys
from pathlib import Path
from cfplug.plugin.registry import load
from cfplug.recipe.parser import read_recipe
registry = load()
plugins = {}
for each in registry.plugins:
    if each.distribution != "cfplug":
        names = sorted(f"{kind}/{one.name}" for kind, one in each.components)
        plugins[each.name] = [each.state + each.why, names]
heavy = [name for name in ("torch", "pandas", "numpy") if name in sys.modules]
for name, file in json.loads(sys.argv[1]).items():
    read_recipe(Path(file), registry=registry)
for each in registry.plugins:
    if each.distribution != "cfplug":
        for kind, one in each.components:
            for verb in one.signatures:
                if getattr(one, verb):
                    one.function(verb)
print(json.dumps([plugins, heavy]))
"""


def test_every_package_is_a_healthy_plugin_whose_functions_and_recipe_can_be_used(
    made: dict[str, Path],
) -> None:
    path = os.pathsep.join(as_installed(folder, name) for name, folder in made.items())
    recipes = {name: str(folder / "recipes" / f"{name}.yaml") for name, folder in made.items()}
    call = [sys.executable, "-c", LOOK, json.dumps(recipes)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([path, os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    plugins, heavy = json.loads(done.stdout)
    assert heavy == []
    for name in made:
        kinds = [name.removeprefix("only-")] if name.startswith("only-") else CHOICES
        brought = sorted(f"{kind}/{name}-{end}" for kind, end in map(COMPONENTS.__getitem__, kinds))
        assert plugins[name] == ["ok", brought]


# Complete or not at all


def test_a_template_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = shutil.copytree(new.PACKAGE_TEMPLATE, tmp_path / "template")
    (broken / "zz.txt.jinja").write_text("{{ unknown_value }}")
    monkeypatch.setattr(new, "PACKAGE_TEMPLATE", broken)
    with pytest.raises(jinja2.UndefinedError, match="unknown_value"):
        make_plugin("scores", ["loss"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(3), OSError(28, "No space left on device")]
)
def test_an_interrupted_write_leaves_nothing_behind(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    write_text = Path.write_text

    def write_two(path: Path, text: str, **options: Any) -> int:
        if len(written) == 2:
            raise error
        written.append(path)
        return write_text(path, text, **options)

    monkeypatch.setattr(Path, "write_text", write_two)
    expected = ArtifactError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        make_plugin("scores", ["loss"], tmp_path / "out")
    assert len(written) == 2
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out"
    message = refused(lambda: make_plugin("scores", ["loss"], out))
    assert message == f"cannot write {out / 'cfplug-scores'}: Not a directory"
    assert (
        refused(lambda: make_file("scores", "loss", out))
        == f"cannot write {out / 'scores.py'}: Not a directory"
    )


# Single files


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a single-file plugin of each kind, `my-loss` and so on."""
    folder = tmp_path_factory.mktemp("files") / "my_plugins"
    for kind in CHOICES:
        file = make_file(f"my-{kind}", kind, folder)
        assert file.name == f"my_{kind.replace('-', '_')}.py"
    return folder


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Remove the modules of single files from `sys.modules` after the test."""
    yield
    for kind in CHOICES:
        sys.modules.pop(f"my_{kind.replace('-', '_')}", None)


def test_a_single_file_is_short_and_clean(single: Path) -> None:
    for file in single.iterdir():
        assert len(file.read_text().splitlines()) < 40
    assert ruff_findings(single, "format", "--diff") == ""
    assert ruff_findings(single, "check", "--extend-select", "I,UP") == ""


@pytest.mark.usefixtures("forgotten")
def test_single_files_of_all_kinds_work_together_in_one_run(single: Path, tmp_path: Path) -> None:
    registry = load([single])
    brought = {
        f"{kind}/{one.name}"
        for each in registry.plugins
        for kind, one in each.components
        if "my-" in one.name
    }
    assert len(brought) == len(CHOICES)
    (tmp_path / "mine.yaml").write_text(
        "data: {use: synthetic, users: 40, items: 25, ratings: 500}\nsplit: my-split-every-nth\n"
        "loss: my-loss-log-cosh\ntrain: {epochs: 2}\n"
        "models: [my-model-factors, my-self-fitting-model-item-means, mean]\n"
        "metrics: [mse, my-metric-median-error]\nunknown: my-cold-start-middle\n"
        "analyzers: [my-analyzer-errors]\n"
    )
    recipe = cfplug.read_recipe(tmp_path / "mine.yaml", registry=registry)
    run = cfplug.run(recipe, out=tmp_path / "runs", plugins_dir=[single])
    mse = run.metrics[run.metrics["metric"] == "mse"].set_index("model")["value"]
    assert mse["my-self-fitting-model-item-means"] < mse["mean"]
    assert len(run.sections) == 3
