"""Which editions of the template a machine has seen, whatever else git is told there."""

from __future__ import annotations

import contextlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfplug.scaffold.editions import EditionError, Editions, git, undisturbed


@pytest.fixture
def editions(tmp_path: Path) -> Editions:
    return Editions(tmp_path / "kept")


def template(folder: Path, text: str = "one") -> Path:
    (folder / "project").mkdir(parents=True, exist_ok=True)
    (folder / "copier.yml").write_text("_subdirectory: project\n")
    (folder / "project" / ".gitignore.jinja").write_text("*.csv\n")
    (folder / "project" / "{{ name }}.csv").write_text(text)
    return folder


def test_an_edition_is_kept_under_the_version_that_has_it(
    editions: Editions, tmp_path: Path
) -> None:
    assert editions.tags() == {}
    assert editions.keep(template(tmp_path / "t"), "0.1.0") == "v0.1.0"
    assert list(editions.tags()) == ["v0.1.0"]


def test_a_template_that_changed_within_one_version_is_another_edition(
    editions: Editions, tmp_path: Path
) -> None:
    first = editions.keep(template(tmp_path / "t", "one"), "0.1.0")
    second = editions.keep(template(tmp_path / "t", "two"), "0.1.0")
    again = editions.keep(template(tmp_path / "t", "one"), "0.1.0")
    assert (first, second, again) == ("v0.1.0", "v0.1.0.post1", "v0.1.0")


def test_two_versions_with_one_template_are_two_editions(
    editions: Editions, tmp_path: Path
) -> None:
    tags = [editions.keep(template(tmp_path / "t"), version) for version in ("0.1.0", "0.2.0")]
    assert tags == ["v0.1.0", "v0.2.0"]
    assert len(set(editions.tags().values())) == 1
    described = git("--git-dir", str(editions.folder / ".git"), "describe", "--tags", "v0.2.0")
    assert described == "v0.2.0"  # by which copier knows the edition


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["0.1", "0.1.0", "0.10.0"]), st.sampled_from("abc")), max_size=5
    )
)
def test_a_tag_always_means_the_template_for_which_it_was_given(
    tmp_path_factory: pytest.TempPathFactory, seen: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    editions = Editions(folder / "editions")
    given: dict[str, tuple[str, str]] = {}
    for version, text in seen:
        tag = editions.keep(template(folder / "t", text), version)
        assert given.setdefault(tag, (version, text)) == (version, text)
    assert len(given) == len(set(seen)) == len(editions.tags())


def test_every_file_is_kept_also_what_the_user_tells_git_to_ignore(
    editions: Editions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "git").mkdir(parents=True)
    (tmp_path / "config" / "git" / "ignore").write_text("*.jinja\ncopier.yml\n")
    (tmp_path / "config" / "git" / "attributes").write_text("* eol=crlf text\n")
    tag = editions.keep(template(tmp_path / "t"), "0.1.0")
    kept = git("--git-dir", str(editions.folder / ".git"), "ls-tree", "-r", "--name-only", tag)
    assert kept.split("\n") == ["copier.yml", "project/.gitignore.jinja", "project/{{ name }}.csv"]


def commit(editions: Editions, tag: str) -> str:
    return git("--git-dir", str(editions.folder / ".git"), "rev-parse", tag)


def test_an_edition_is_the_same_commit_for_everybody_at_any_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = Editions(tmp_path / "mine"), Editions(tmp_path / "theirs")
    tag = mine.keep(template(tmp_path / "t"), "0.1.0")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Else")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2031-05-05T05:05:05+0500")
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    theirs.keep(template(tmp_path / "t"), "0.1.0")
    assert commit(mine, tag) == commit(theirs, tag)


def test_several_processes_may_keep_the_same_edition_at_once(
    editions: Editions, tmp_path: Path
) -> None:
    template(tmp_path / "t")
    with ThreadPoolExecutor(4) as pool:
        tags = list(pool.map(lambda _: editions.keep(tmp_path / "t", "0.1.0"), range(4)))
    assert tags == ["v0.1.0"] * 4


def test_the_address_begins_at_the_home_folder_where_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Editions(tmp_path / "data" / "my templates").address == "~/data/my templates"
    assert Editions(Path("/elsewhere/templates")).address == "/elsewhere/templates"
    assert Editions.of_user().folder.parts[-2:] == ("cfplug", "plugin-template")


def test_without_git_nothing_is_kept_and_that_is_said(
    editions: Editions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EditionError) as caught:
        editions.keep(template(tmp_path / "t"), "0.1.0")
    assert str(caught.value) == "there is no git on this machine"


def test_what_git_does_not_like_is_told_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(EditionError, match="git says: fatal: not a git repository"):
        git("status", cwd=tmp_path)


def test_git_does_not_hear_of_a_git_that_called_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "--quiet", str(tmp_path / "here"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert git("rev-parse", "--git-dir", cwd=tmp_path / "here") == ".git"


def test_copier_works_undisturbed_and_all_is_as_before_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = pytest.importorskip("plumbum").local
    for name, value in {"GIT_DIR": "hook.git", "GIT_INDEX_FILE": "hook-index"}.items():
        monkeypatch.setenv(name, value)
        local.env[name] = value
    before, ours = dict(os.environ), local.env.getdict()
    with contextlib.suppress(RuntimeError), undisturbed():
        inside = subprocess.run(
            ["git", "config", "core.hooksPath"], capture_output=True, text=True, check=True
        )
        theirs = {name for name in (*os.environ, *local.env.getdict()) if name.startswith("GIT_")}
        raise RuntimeError
    assert inside.stdout.strip() == os.devnull
    assert theirs == {"GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"}
    assert (dict(os.environ), local.env.getdict()) == (before, ours)
    for name in ("GIT_DIR", "GIT_INDEX_FILE"):
        del local.env[name]
