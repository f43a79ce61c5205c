"""The editions of the plugin template that this machine has seen: a git repository with a tag for each.

copier brings a project up to date by comparing the template as it was with the template as it is; a
package holds only the latter. So each version of cfplug that makes or updates a plugin leaves its
edition here."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from cfplug.errors import CfplugError

_SETTINGS = {
    "core.attributesFile": os.devnull,
    "core.autocrlf": "false",
    "core.excludesFile": os.devnull,
    "core.fileMode": "false",
    "core.hooksPath": os.devnull,
}
_ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (
        ("NAME", "cfplug"),
        ("EMAIL", "cfplug@localhost"),
        ("DATE", "2000-01-01T00:00:00+0000"),
    )
}
"""Everybody's commit of an edition is the same one: it depends on nothing but the template and its tag."""


class EditionError(CfplugError):
    """git is missing, or could not keep an edition."""


@frozen
class Editions:
    """The repository in `folder`, which need not be there yet. Nothing is ever checked out in it."""

    folder: Path

    @classmethod
    def of_user(cls) -> Editions:
        """The editions in the data folder of the user."""
        import platformdirs

        return cls(Path(platformdirs.user_data_dir("cfplug", appauthor=False)) / "plugin-template")

    @property
    def address(self) -> str:
        """The folder as any machine may know it: from `~`, where it lies in the home folder."""
        try:
            return f"~/{self.folder.relative_to(Path.home()).as_posix()}"
        except ValueError:
            return self.folder.as_posix()

    def keep(self, template: Path, version: str) -> str:
        """The tag of the edition in the folder `template`, which `version` of cfplug has: `v0.1.0`.

        It is added if it is new. Where one version has shown several, as a checkout does, the
        others are `v0.1.0.post1` and so on. EditionError if git is missing or fails."""
        if not self._repository.is_dir():
            self._begin()
        tree = self._tree(template)
        known = self._of_version(version)
        return _tag_of(tree, known) or self._add(tree, version, len(known))

    @property
    def _repository(self) -> Path:
        return self.folder / ".git"

    def _begin(self) -> None:
        """An empty repository, made beside and renamed when whole: another process may begin at the same moment."""
        import tempfile

        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder) as draft:
            git("init", "--quiet", "--template=", draft, variables=_ALONE)
            with suppress(OSError):  # the other was faster
                (Path(draft) / ".git").rename(self._repository)

    def tags(self) -> dict[str, str]:
        """The tree of each edition, by tag; the oldest first."""
        if not self._repository.is_dir():
            return {}
        lines = self._git(
            "for-each-ref",
            "--sort=version:refname",
            "--format=%(refname:lstrip=2) %(tree)",
            "refs/tags",
        )
        return dict(line.split() for line in lines.splitlines())

    def _tree(self, template: Path) -> str:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git(
                "--work-tree", ".", "add", "--all", "--force", ".", variables=index, cwd=template
            )
            return self._git("write-tree", variables=index)

    def _of_version(self, version: str) -> dict[str, str]:
        mine = re.compile(rf"v{re.escape(version)}(\.post\d+)?")
        return {tag: tree for tag, tree in self.tags().items() if mine.fullmatch(tag)}

    def _add(self, tree: str, version: str, count: int) -> str:
        """The tag of a new edition, beside `count` of its version; that of another process that was faster with it."""
        tag = f"v{version}.post{count}" if count else f"v{version}"
        commit = self._git("commit-tree", tree, "-m", f"The template of cfplug {tag}")
        try:
            self._git("update-ref", f"refs/tags/{tag}", commit, "")  # "": only if there is none
            self._git("update-ref", "HEAD", commit)
        except EditionError:
            tag = _tag_of(tree, self._of_version(version))
            if not tag:
                raise
        return tag

    def _git(
        self, *arguments: str, variables: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> str:
        settings = [word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}")]
        place = ["--git-dir", str(self._repository)]
        return git(
            *settings,
            *place,
            *arguments,
            cwd=cwd,
            variables={**_ALONE, **_IDENTITY, **(variables or {})},
        )


def _tag_of(tree: str, known: Mapping[str, str]) -> str:
    """The latest of the `known` tags with this tree; empty if there is none."""
    return next((tag for tag, its in reversed(list(known.items())) if its == tree), "")


def git(
    *arguments: str, cwd: Path | None = None, variables: Mapping[str, str] | None = None
) -> str:
    """What git answers, without the last line's end; EditionError with its own words if it fails or is missing.

    It knows nothing of the variables of a git that may have called us, such as GIT_DIR in a hook.
    """
    import subprocess  # late, as tempfile above: the command line starts without them

    program = shutil.which("git")
    if program is None:
        raise EditionError("there is no git on this machine")
    try:
        call = [program, *arguments]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GIT_")
        }
        environment |= variables or {}
        done = subprocess.run(
            call, cwd=cwd, env=environment, capture_output=True, text=True, check=True
        )
    except subprocess.CalledProcessError as error:
        raise EditionError(f"git says: {error.stderr.strip() or error}") from error
    except OSError as error:
        raise EditionError(f"git cannot be started: {error.strerror}") from error
    return done.stdout.rstrip("\n")


@contextmanager
def undisturbed() -> Iterator[None]:
    """While copier asks git: without the variables of a git that may have called us, and without the user's hooks."""
    from plumbum import local

    hidden = {name: value for name, value in os.environ.items() if name.startswith("GIT_")}
    calm = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.hooksPath",
        "GIT_CONFIG_VALUE_0": os.devnull,
    }
    with local.env():
        _change((os.environ, local.env), hidden, calm)
        try:
            yield
        finally:
            _change((os.environ,), calm, hidden)


def _change(environments: Iterable[Any], without: Iterable[str], given: Mapping[str, str]) -> None:
    for environment in environments:
        for name in without:
            environment.pop(name, None)
        environment.update(given)
