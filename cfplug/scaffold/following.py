"""How a plugin that cfplug made follows its template, when that changes in a later version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from cfplug.errors import CfplugError
from cfplug.scaffold import new
from cfplug.scaffold.editions import EditionError, Editions, git


@frozen
class Updated:
    """The editions of the template before and after; the files that are another now, and those to look at."""

    before: str
    after: str
    changed: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def update_plugin(folder: Path, *, editions: Editions | None = None) -> Updated:
    """Bring the plugin in `folder` to the template that cfplug has now; its author's own changes stay.

    Where both changed the same lines, the file has both, between marks, and is among the conflicts.
    CfplugError if the plugin was made without git, has changes that are not committed, or is of a
    template that is not here."""
    editions = editions or Editions.of_user()
    answers = _answers(folder)
    after = editions.keep(new.TEMPLATE, new.version())
    before = _edition(folder, answers, editions)
    if before == after:
        return Updated(before, after)
    _check_later(folder, before, after)
    _check_committed(folder)
    data = {"cfplug": new.oldest()}
    with new.copying("update the plugin") as copier:
        copier.run_update(
            folder, data=data, vcs_ref=after, defaults=True, overwrite=True, quiet=True
        )
    return Updated(before, after, *_touched(folder))


def _answers(folder: Path) -> Mapping[str, Any]:
    """What the plugin in `folder` was made from."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    file = folder / new.ANSWERS
    try:
        answers = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        left_by = "cfplug new plugin leaves one where there is git"
        raise CfplugError(
            f"{folder} has no {new.ANSWERS}, so it follows no template ({left_by})"
        ) from error
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise CfplugError(f"{file} cannot be read: {error}") from error
    if not isinstance(answers, dict) or not {"_src_path", "_commit"} <= set(answers):
        raise CfplugError(
            f"{file} does not say which template the plugin follows (_src_path and _commit)"
        )
    return answers


def _edition(folder: Path, answers: Mapping[str, Any], editions: Editions) -> str:
    """The tag of the template that the plugin follows; CfplugError if copier could not find it."""
    source, tag = str(answers["_src_path"]), str(answers["_commit"])
    if Path(source).expanduser() != editions.folder:
        raise CfplugError(
            f"{folder / new.ANSWERS} looks for its template in {source}; here it lies in {editions.address}: "
            "write that for _src_path and commit it"
        )
    if tag not in editions.tags():
        version = tag.removeprefix("v").partition(".post")[0]
        raise CfplugError(
            f"{folder} follows the template {tag}, which this machine has not seen: update it once with "
            f'cfplug {version} (python -m pip install "cfplug[author]=={version}"), then with this one'
        )
    return tag


def _check_later(folder: Path, before: str, after: str) -> None:
    from packaging.version import Version

    if Version(before) > Version(after):
        raise CfplugError(
            f"{folder} follows the template {before}, and cfplug is {new.version()} here, which is older: "
            "update cfplug (python -m pip install --upgrade cfplug)"
        )


def _check_committed(folder: Path) -> None:
    """What the author has must be in git: so nothing can be lost, and what the update changes can be seen."""
    try:
        left = git("status", "--porcelain", "--", ".", cwd=folder)
    except EditionError as error:
        advice = 'git init && git add --all && git commit -m "A new plugin"'
        raise CfplugError(
            f"{folder} is in no git repository, which an update needs: {advice}"
        ) from error
    if left:
        raise CfplugError(
            f"{folder} has changes that are not committed; commit or stash them first\n{left}"
        )


def _touched(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files that are not as they were committed: those that are whole, and those with conflicts."""
    told = git(
        "status",
        "--porcelain",
        "-z",
        "--no-renames",
        "--untracked-files=all",
        "--",
        ".",
        cwd=folder,
    )
    states = {entry[3:]: entry[:2] for entry in told.split("\0") if entry}
    conflicts = [name for name, state in states.items() if "U" in state or state in ("AA", "DD")]
    return tuple(name for name in states if name not in conflicts), tuple(conflicts)
