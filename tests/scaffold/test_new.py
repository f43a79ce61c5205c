"""How a plugin comes into being: what is made, from which names, and that nothing is ever left half made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

import cfplug
from cfplug.plugin.registry import load
from cfplug.scaffold import new
from cfplug.scaffold.editions import Editions
from cfplug.scaffold.new import CHOICES, make_file, make_plugin, named

copier = pytest.importorskip("copier")

BROUGHT = {
    "source": ("source", "csv"),
    "split": ("split", "by-user"),
    "model": ("model", "factors"),
    "self-fitting-model": ("model", "offsets"),
    "loss": ("loss", "pseudo-huber"),
    "metric": ("metric", "error-quantile"),
    "cold-start": ("cold-start", "means"),
    "analyzer": ("analyzer", "largest-errors"),
}
"""The kind of component that each choice brings, and the end of its name."""

LONG = "a-name-of-some-forty-letters-for-a-plugin"

WHOLE_FILES = {
    ".copier-answers.yml",
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
"""What every package has."""


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> Editions:
    return Editions(tmp_path_factory.mktemp("data") / "my editions")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, editions: Editions) -> dict[str, Path]:
    """A package for each kind alone, one with all, one with the longest name; not to be changed."""
    out = tmp_path_factory.mktemp("made")
    packages = {f"only-{kind}": (kind,) for kind in CHOICES} | {"scores": CHOICES, LONG: CHOICES}
    return {
        name: make_plugin(name, kinds, out, editions=editions).folder
        for name, kinds in packages.items()
    }


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# Names


def test_a_name_may_be_given_with_cfplug_before_it_or_without() -> None:
    for name in ("item-scores", "cfplug-item-scores"):
        names = named(name)
        told = (names.plugin, names.distribution, names.package, names.module)
        assert told == ("item-scores", "cfplug-item-scores", "cfplug_item_scores", "item_scores")


@given(st.one_of(st.text(max_size=8), st.from_regex(r"(cfplug-)?[a-z0-9A-Z_-]{1,8}")))
def test_whatever_is_given_it_is_a_name_for_all_purposes_or_an_error(name: str) -> None:
    try:
        names = named(name)
    except cfplug.CfplugError:
        return
    assert names.package.isidentifier()
    assert names.module.isidentifier()
    cfplug.Metric(names.plugin, score="m:f")  # it would do for a component, too


def refused(attempt: Callable[[], object]) -> str:
    with pytest.raises(cfplug.CfplugError) as caught:
        attempt()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "My_Scores",
            "a plugin's name is a kebab-case noun such as item-mean; is 'My_Scores'; did you mean my-scores?",
        ),
        (
            "2nd",
            "a plugin's name is a kebab-case noun such as item-mean; is '2nd'; did you mean nd?",
        ),
        (
            "../up",
            "a plugin's name is a kebab-case noun such as item-mean; is '../up'; did you mean up?",
        ),
        ("", "a plugin's name is a kebab-case noun such as item-mean; is ''"),
        ("cfplug-", "a plugin's name is a kebab-case noun such as item-mean; is 'cfplug-'"),
        (
            "a\n",
            "a plugin's name is a kebab-case noun such as item-mean; is 'a\\n'; did you mean a?",
        ),
        ("class", "class is a word of Python; a plugin needs another name"),
        ("cfplug-class", "class is a word of Python; a plugin needs another name"),
    ],
)
def test_a_bad_name_is_told_with_a_better_one_before_anything_is_written(
    name: str, message: str, tmp_path: Path, editions: Editions
) -> None:
    assert refused(lambda: make_plugin(name, ["metric"], tmp_path, editions=editions)) == message
    assert refused(lambda: make_file(name, "metric", tmp_path)) == message
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_a_plugin_that_is_installed_is_taken(
    tmp_path: Path, editions: Editions
) -> None:
    message = "there is a plugin called losses already, from cfplug 0.1.0; two cannot share a name"
    assert refused(lambda: make_plugin("losses", ["loss"], tmp_path, editions=editions)) == message
    assert refused(lambda: make_file("losses", "loss", tmp_path)) == message


def test_a_file_may_not_hide_a_module(tmp_path: Path) -> None:
    import random

    message = (
        f"there is a module called random already ({random.__file__}); a plugin needs another name"
    )
    assert refused(lambda: make_file("random", "split", tmp_path)) == message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_nothing_is_overwritten(there: str, tmp_path: Path, editions: Editions) -> None:
    for target in (tmp_path / "cfplug-scores", tmp_path / "scores.py"):
        {
            "file": target.touch,
            "folder": target.mkdir,
            "link": lambda to=target: to.symlink_to("nowhere"),
        }[there]()  # type: ignore[misc]
    before = sorted(tmp_path.iterdir())
    message = f"{tmp_path / 'cfplug-scores'} is there already; nothing is overwritten"
    assert refused(lambda: make_plugin("scores", ["loss"], tmp_path, editions=editions)) == message
    message = f"{tmp_path / 'scores.py'} is there already; nothing is overwritten"
    assert refused(lambda: make_file("scores", "loss", tmp_path)) == message
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("text", ['say "hi"', "two\nlines", "back\\slash", " . ", "\x1b[31mred"])
def test_title_and_author_are_one_plain_line(text: str, tmp_path: Path, editions: Editions) -> None:
    attempt = {
        "title": lambda: make_plugin("scores", ["loss"], tmp_path, title=text, editions=editions),
        "author": lambda: make_plugin("scores", ["loss"], tmp_path, author=text, editions=editions),
    }
    for key, fails in attempt.items():
        assert refused(fails).startswith(f'{key}: must be one line of text without " and \\; is ')
    assert list(tmp_path.iterdir()) == []


# What is made


def test_a_package_has_what_it_takes_to_publish_it_and_a_module_for_each_kind(
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


def test_pyproject_says_what_the_plugin_is_and_where_cfplug_finds_it(
    tmp_path: Path, editions: Editions
) -> None:
    given = {"title": "Scores, d'après Zoë & <b>.", "author": "Zoë O'Hara <zoe@localhost>"}
    folder = make_plugin("item-scores", ["loss"], tmp_path, editions=editions, **given).folder
    told = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    project = told["project"]
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


def test_a_pre_release_of_cfplug_is_asked_for_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for version, oldest in {
        "0.1.0": "0.1",
        "1.20.3": "1.20",
        "0.2.0.dev3": "0.2.0.dev3",
        "2.0rc1": "2.0rc1",
    }.items():
        monkeypatch.setattr(new, "version", lambda version=version: version)
        assert new.oldest() == oldest


def test_the_answers_name_the_edition_and_nobodys_home(
    made: dict[str, Path], editions: Editions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = YAML(typ="safe").load((made["only-loss"] / ".copier-answers.yml").read_text())
    assert (answers["_commit"], answers["name"], answers["kinds"]) == (
        "v0.1.0",
        "only-loss",
        ["loss"],
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = make_plugin(
        "scores", ["loss"], tmp_path, editions=Editions(tmp_path / "data" / "templates")
    ).folder
    text = (folder / ".copier-answers.yml").read_text()
    assert "_src_path: ~/data/templates\n" in text
    assert str(tmp_path) not in text


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


def test_every_recipe_names_what_its_package_brings(made: dict[str, Path]) -> None:
    for name, folder in made.items():
        recipe = (folder / "recipes" / f"{name}.yaml").read_text()
        kinds = [name.removeprefix("only-")] if name.startswith("only-") else CHOICES
        for kind in kinds:
            assert f"{name}-{BROUGHT[kind][1]}" in recipe


def unclean(folder: Path, *command: str) -> str:
    """What ruff finds in `folder`, as somebody sees it who works there and has no checkout of cfplug."""
    ruff = shutil.which(
        "ruff", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    assert ruff, "ruff belongs to the extra dev"
    call = [ruff, *command, "--no-cache", "."]
    found = subprocess.run(call, capture_output=True, text=True, check=False, cwd=folder)
    return "" if found.returncode == 0 else found.stdout + found.stderr


def test_all_that_is_made_is_clean_for_ruff(made: dict[str, Path], tmp_path: Path) -> None:
    for name, folder in made.items():
        shutil.copytree(folder, tmp_path / name)
    assert unclean(tmp_path, "format", "--diff") == ""
    assert unclean(tmp_path, "check", "--extend-select", "I,B,UP") == ""


def announced(folder: Path, name: str) -> str:
    """A folder for PYTHONPATH in which the package lies as if it were installed."""
    package = named(name).package
    told = folder / "src" / f"{package}-0.1.0.dist-info"
    told.mkdir(exist_ok=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: cfplug-{name}\nVersion: 0.1.0\n")
    (told / "entry_points.txt").write_text(f"[cfplug]\n{name} = {package}\n")
    return str(told.parent)


LOOK = """
import json, sys
from pathlib import Path
from cfplug.plugin.registry import load
from cfplug.recipe.parser import read_recipe
registry = load()
told = {each.name: [each.state + each.why, sorted(f"{kind}/{one.name}" for kind, one in each.components)]
        for each in registry.plugins if each.distribution != "cfplug"}
heavy = [name for name in ("torch", "pandas", "numpy") if name in sys.modules]
for name, file in json.loads(sys.argv[1]).items():
    read_recipe(Path(file), registry=registry)
for each in registry.plugins:
    if each.distribution != "cfplug":
        for kind, one in each.components:
            for verb in one.signatures:
                if getattr(one, verb):
                    one.function(verb)
print(json.dumps([told, heavy]))
"""


def test_every_package_is_a_healthy_plugin_whose_functions_and_recipe_can_be_used(
    made: dict[str, Path],
) -> None:
    path = os.pathsep.join(announced(folder, name) for name, folder in made.items())
    recipes = {name: str(folder / "recipes" / f"{name}.yaml") for name, folder in made.items()}
    call = [sys.executable, "-c", LOOK, json.dumps(recipes)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([path, os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    told, heavy = json.loads(done.stdout)
    assert heavy == []
    for name in made:
        kinds = [name.removeprefix("only-")] if name.startswith("only-") else CHOICES
        brought = sorted(f"{kind}/{name}-{end}" for kind, end in map(BROUGHT.__getitem__, kinds))
        assert told[name] == ["ok", brought]


# Whole or not at all


def test_a_template_that_fails_leaves_nothing_behind(
    tmp_path: Path, editions: Editions, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = shutil.copytree(new.TEMPLATE, tmp_path / "template")
    (broken / "project" / "zz.txt.jinja").write_text("{{ nobody.knows.this }}")
    monkeypatch.setattr(new, "TEMPLATE", broken)
    with pytest.raises(Exception, match="nobody"):
        make_plugin("scores", ["loss"], tmp_path / "out", editions=Editions(tmp_path / "editions"))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(3), OSError(28, "No space left on device")]
)
def test_whatever_stops_it_leaves_nothing_behind(
    error: BaseException, tmp_path: Path, editions: Editions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(source: str, target: Path, **_: object) -> None:
        (target / "src").mkdir(parents=True)
        raise error

    monkeypatch.setattr(copier, "run_copy", stop)
    told = cfplug.ArtifactError if isinstance(error, OSError) else type(error)
    with pytest.raises(told):
        make_plugin("scores", ["loss"], tmp_path / "out", editions=editions)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, editions: Editions) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "out"
    told = refused(lambda: make_plugin("scores", ["loss"], out, editions=editions))
    assert told == f"cannot write {out / 'cfplug-scores'}: Not a directory"
    assert (
        refused(lambda: make_file("scores", "loss", out))
        == f"cannot write {out / 'scores.py'}: Not a directory"
    )


def test_without_copier_it_says_what_to_install(
    tmp_path: Path, editions: Editions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "copier", None)
    told = refused(lambda: make_plugin("scores", ["loss"], tmp_path, editions=editions))
    assert told == 'this needs copier: python -m pip install "cfplug[author]"'
    assert list(tmp_path.iterdir()) == []


def test_without_git_a_plugin_is_made_all_the_same_but_follows_no_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    made = make_plugin(
        "scores", ["metric"], tmp_path / "out", editions=Editions(tmp_path / "editions")
    )
    assert made.no_updates == "there is no git on this machine"
    assert files_of(made.folder) == WHOLE_FILES - {".copier-answers.yml"} | {
        "src/cfplug_scores/metric.py"
    }


HOSTILE = """\
[user]
    useConfigOnly = true
[commit]
    gpgSign = true
[gpg]
    program = /nowhere/gpg
[core]
    hooksPath = {home}/hooks
    excludesFile = {home}/ignored
    autocrlf = true
[init]
    templateDir = {home}/hooks
"""


def test_nothing_that_a_user_tells_git_changes_what_is_made(
    tmp_path: Path, made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    (home / ".gitconfig").write_text(HOSTILE.format(home=home))
    (home / "ignored").write_text("*.jinja\n*.csv\n")
    for hook in ("post-checkout", "pre-commit", "commit-msg", "post-index-change"):
        (home / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {home}/called\nexit 1\n")
        (home / "hooks" / hook).chmod(0o755)
    for name, value in {
        "HOME": home,
        "GIT_DIR": home / "git",
        "GIT_INDEX_FILE": home / "index",
    }.items():
        monkeypatch.setenv(name, str(value))
    folder = make_plugin(
        "scores", CHOICES, tmp_path, editions=Editions(tmp_path / "editions")
    ).folder
    for file in files_of(folder) - {".copier-answers.yml"}:
        assert (folder / file).read_bytes() == (made["scores"] / file).read_bytes()
    assert sorted(path.name for path in home.iterdir()) == [".gitconfig", "hooks", "ignored"]


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
    """The modules of single files are forgotten again."""
    yield
    for kind in CHOICES:
        sys.modules.pop(f"my_{kind.replace('-', '_')}", None)


def test_a_single_file_is_short_and_clean(single: Path) -> None:
    for file in single.iterdir():
        assert len(file.read_text().splitlines()) < 40
    assert unclean(single, "format", "--diff") == ""
    assert unclean(single, "check", "--extend-select", "I,UP") == ""


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
        "metrics: [mse, my-metric-median-error]\nunknown: my-cold-start-middle\nanalyzers: [my-analyzer-errors]\n"
    )
    recipe = cfplug.read_recipe(tmp_path / "mine.yaml", registry=registry)
    run = cfplug.run(recipe, out=tmp_path / "runs", plugins_dir=[single])
    mse = run.metrics[run.metrics["metric"] == "mse"].set_index("model")["value"]
    assert mse["my-self-fitting-model-item-means"] < mse["mean"]
    assert len(run.sections) == 3
