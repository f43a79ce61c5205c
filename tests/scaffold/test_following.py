"""How a plugin follows its template: the author's changes stay, the template's arrive, conflicts are marked."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import cfplug
from cfplug.scaffold import new
from cfplug.scaffold.editions import Editions, git
from cfplug.scaffold.following import Updated, update_plugin

pytest.importorskip("copier")

ME = ("-c", "user.name=An Author", "-c", "user.email=author@localhost")

TODAY = new.TEMPLATE

LATER = {
    "README.md.jinja": ("## Publishing", "## Releasing"),
    "pyproject.toml.jinja": ("xfail_strict = true", "xfail_strict = false"),
    "src/{{ package }}/metric.py.jinja": (
        "import numpy as np\n",
        "import numpy as np  # the fast one\n",
    ),
}
"""What a later edition of the template says in the place of something else."""


def later(folder: Path, changes: Mapping[str, tuple[str, str]] = LATER) -> Path:
    """A later edition of the template in `folder`, which also has one file more."""
    shutil.copytree(new.TEMPLATE, folder)
    for name, (before, after) in changes.items():
        file = folder / "project" / name
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1
        file.write_text(text.replace(before, after), encoding="utf-8")
    (folder / "project" / "SECURITY.md.jinja").write_text("Write to {{ author }}.\n")
    return folder


def change(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")


def commit(folder: Path) -> None:
    git("add", "--all", cwd=folder)
    git(*ME, "commit", "--quiet", "--message", "What I have", cwd=folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with editions in `data` and a new plugin, all of it committed, in `work`; not to be changed."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        editions = Editions(home / "data" / "my editions")
        folder = new.make_plugin(
            "scores", ["metric", "loss"], home / "work", editions=editions
        ).folder
    git("init", "--quiet", cwd=folder)
    commit(folder)
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = shutil.copytree(made, tmp_path / "home")
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def editions(home: Path) -> Editions:
    return Editions(home / "data" / "my editions")


@pytest.fixture
def plugin(home: Path) -> Path:
    return home / "work" / "cfplug-scores"


@pytest.fixture
def newer(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`plugin` is there already; from now on cfplug is of version 0.2.0 and has a later edition of the template."""
    monkeypatch.setattr(new, "TEMPLATE", later(tmp_path / "later"))
    monkeypatch.setattr(new, "version", lambda: "0.2.0")


def state(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git/" not in str(path)
    }


def refused(attempt: Callable[[], object]) -> str:
    with pytest.raises(cfplug.CfplugError) as caught:
        attempt()
    return str(caught.value)


def test_a_plugin_of_this_edition_is_up_to_date_whatever_is_not_committed(
    plugin: Path, editions: Editions
) -> None:
    (plugin / "notes.txt").write_text("not committed")
    before = state(plugin)
    assert update_plugin(plugin, editions=editions) == Updated("v0.1.0", "v0.1.0")
    assert state(plugin) == before


@pytest.mark.usefixtures("newer")
def test_what_the_template_changes_arrives_and_what_the_author_changed_stays(
    plugin: Path, editions: Editions
) -> None:
    change(plugin / "README.md", "## Working on it", "## Some words of mine")
    (plugin / "src/cfplug_scores/loss.py").unlink()
    (plugin / "mine.py").write_text("MINE = 1\n")
    commit(plugin)
    updated = update_plugin(plugin, editions=editions)
    assert (updated.before, updated.after, updated.conflicts) == ("v0.1.0", "v0.2.0", ())
    assert set(updated.changed) == {
        ".copier-answers.yml",
        "README.md",
        "SECURITY.md",
        "pyproject.toml",
    }
    readme, project = (plugin / "README.md").read_text(), (plugin / "pyproject.toml").read_text()
    assert "## Some words of mine" in readme
    assert "## Releasing" in readme
    assert 'dependencies = ["cfplug>=0.2"]' in project
    assert "xfail_strict = false" in project
    assert (plugin / "SECURITY.md").read_text() == "Write to the authors of cfplug-scores.\n"
    assert (plugin / "mine.py").read_text() == "MINE = 1\n"
    commit(plugin)
    assert update_plugin(plugin, editions=editions) == Updated("v0.2.0", "v0.2.0")


@pytest.mark.usefixtures("newer")
def test_components_are_the_authors_own_from_the_first_moment(
    plugin: Path, editions: Editions
) -> None:
    (plugin / "src/cfplug_scores/loss.py").unlink()
    commit(plugin)
    sources = state(plugin / "src")
    update_plugin(plugin, editions=editions)
    assert state(plugin / "src") == sources


@pytest.mark.usefixtures("newer")
def test_where_both_changed_a_line_the_file_has_both_between_marks(
    plugin: Path, editions: Editions
) -> None:
    change(plugin / "pyproject.toml", "xfail_strict = true", "xfail_strict = true  # as I like it")
    commit(plugin)
    updated = update_plugin(plugin, editions=editions)
    assert updated.conflicts == ("pyproject.toml",)
    assert "pyproject.toml" not in updated.changed
    text = (plugin / "pyproject.toml").read_text()
    assert (
        "<<<<<<< before updating\nxfail_strict = true  # as I like it\n=======\nxfail_strict = false\n>>>>>>> "
        in text
    )
    assert "UU pyproject.toml" in git("status", "--porcelain", cwd=plugin)


@pytest.mark.usefixtures("newer")
def test_an_update_needs_no_identity_and_calls_no_hooks(
    plugin: Path, editions: Editions, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = plugin / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\nexit 1\n")
    hook.chmod(0o755)
    (home / ".gitconfig").write_text(
        "[user]\nuseConfigOnly = true\n[commit]\ngpgSign = true\n[gpg]\nprogram = /nowhere\n"
        f"[init]\ntemplateDir = {plugin}/.git\n"
    )
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.setenv(name, str(tmp_path / "nowhere"))
    assert update_plugin(plugin, editions=editions).conflicts == ()
    assert not (tmp_path / "called").exists()
    assert not (tmp_path / "nowhere").exists()


def test_a_plugin_in_a_folder_of_a_greater_repository_is_updated_alone(
    plugin: Path, editions: Editions, request: pytest.FixtureRequest
) -> None:
    shutil.rmtree(plugin / ".git")
    whole = plugin.parent
    (whole / "README.md").write_text("The whole.\n")
    git("init", "--quiet", cwd=whole)
    commit(whole)
    (whole / "README.md").write_text("Changed, and not committed.\n")
    request.getfixturevalue("newer")
    updated = update_plugin(plugin, editions=editions)
    assert "cfplug-scores/SECURITY.md" in updated.changed
    assert (whole / "README.md").read_text() == "Changed, and not committed.\n"


# What cannot be


@pytest.mark.usefixtures("newer")
def test_what_is_not_committed_is_told_and_left_alone(plugin: Path, editions: Editions) -> None:
    (plugin / "mine.py").write_text("MINE = 1\n")
    before = state(plugin)
    told = refused(lambda: update_plugin(plugin, editions=editions))
    assert (
        told
        == f"{plugin} has changes that are not committed; commit or stash them first\n?? mine.py"
    )
    assert state(plugin) == before


@pytest.mark.usefixtures("newer")
def test_a_plugin_outside_git_is_told_how_to_get_in(plugin: Path, editions: Editions) -> None:
    shutil.rmtree(plugin / ".git")
    told = refused(lambda: update_plugin(plugin, editions=editions))
    advice = 'git init && git add --all && git commit -m "A new plugin"'
    assert told == f"{plugin} is in no git repository, which an update needs: {advice}"


def test_a_folder_that_follows_no_template_is_told(tmp_path: Path, editions: Editions) -> None:
    told = refused(lambda: update_plugin(tmp_path, editions=editions))
    left_by = "cfplug new plugin leaves one where there is git"
    assert told == f"{tmp_path} has no .copier-answers.yml, so it follows no template ({left_by})"


@pytest.mark.parametrize("text", ["", "a: b", "[1]", "_src_path: x"])
def test_answers_that_name_no_template_are_told(
    text: str, tmp_path: Path, editions: Editions
) -> None:
    file = tmp_path / ".copier-answers.yml"
    file.write_text(text)
    told = refused(lambda: update_plugin(tmp_path, editions=editions))
    assert told == f"{file} does not say which template the plugin follows (_src_path and _commit)"


@pytest.mark.parametrize("text", [b"a: [", b"\xff\xfe\x00"])
def test_answers_that_cannot_be_read_are_told(
    text: bytes, tmp_path: Path, editions: Editions
) -> None:
    (tmp_path / ".copier-answers.yml").write_bytes(text)
    told = refused(lambda: update_plugin(tmp_path, editions=editions))
    assert told.startswith(f"{tmp_path / '.copier-answers.yml'} cannot be read: ")


@pytest.mark.usefixtures("newer")
def test_a_template_that_lies_elsewhere_here_is_told_with_where(
    plugin: Path, editions: Editions
) -> None:
    (plugin / ".copier-answers.yml").write_text("_commit: v0.1.0\n_src_path: ~/Library/cfplug\n")
    told = refused(lambda: update_plugin(plugin, editions=editions))
    assert told == (
        f"{plugin / '.copier-answers.yml'} looks for its template in ~/Library/cfplug; here it lies in "
        f"{editions.address}: write that for _src_path and commit it"
    )


@pytest.mark.usefixtures("newer")
def test_an_edition_that_this_machine_has_not_seen_is_told_with_how_to_get_it(
    plugin: Path, editions: Editions
) -> None:
    shutil.rmtree(editions.folder)
    told = refused(lambda: update_plugin(plugin, editions=editions))
    assert told == (
        f"{plugin} follows the template v0.1.0, which this machine has not seen: update it once with "
        'cfplug 0.1.0 (python -m pip install "cfplug[author]==0.1.0"), then with this one'
    )


def test_the_way_that_is_told_for_an_unseen_edition_works(
    plugin: Path, editions: Editions, request: pytest.FixtureRequest
) -> None:
    shutil.rmtree(editions.folder)
    assert update_plugin(plugin, editions=editions) == Updated("v0.1.0", "v0.1.0")
    request.getfixturevalue("newer")
    assert update_plugin(plugin, editions=editions).after == "v0.2.0"


def test_a_plugin_of_a_later_cfplug_is_not_taken_back(
    plugin: Path,
    editions: Editions,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request.getfixturevalue("newer")
    update_plugin(plugin, editions=editions)
    commit(plugin)
    monkeypatch.setattr(new, "TEMPLATE", TODAY)
    monkeypatch.setattr(new, "version", lambda: "0.1.0")
    before = state(plugin)
    told = refused(lambda: update_plugin(plugin, editions=editions))
    assert told == (
        f"{plugin} follows the template v0.2.0, and cfplug is 0.1.0 here, which is older: "
        "update cfplug (python -m pip install --upgrade cfplug)"
    )
    assert state(plugin) == before
