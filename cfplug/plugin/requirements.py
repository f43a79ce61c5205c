"""Compare what a distribution requires with what is installed."""

from __future__ import annotations

import importlib.metadata
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from packaging.requirements import Requirement

VersionOf = Callable[[str], str | None]
"""The installed version of a distribution; None if it is not installed."""


@frozen
class Unmet:
    """A requirement that is not met: its distribution, its text, and the installed version."""

    name: str
    text: str
    found: str | None

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.text}, which is not installed"
        return f"{self.text}, and {self.name} {self.found} is installed"


def installed_version(name: str) -> str | None:
    """Return the version of a distribution; None if it is not installed, or only by half."""
    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, KeyError, ValueError):
        return None


def unmet(
    requires: Iterable[str], version_of: VersionOf = installed_version, *, of: str = ""
) -> Iterator[Unmet]:
    """Yield the requirements that are not met here.

    A line for an extra or for another platform does not count, nor one that cannot be read: no
    installer would have accepted it.

    Args:
        requires: lines as in `Requires-Dist`.
        version_of: the installed version of a distribution.
        of: a distribution, in lower case; only requirements of this one are compared.
    """
    for line in requires:
        if line.lower().startswith(of):
            yield from _unmet_by(line, version_of, of)


def _unmet_by(line: str, version_of: VersionOf, of: str) -> Iterator[Unmet]:
    from packaging.requirements import Requirement

    try:
        requirement = Requirement(line)
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    except ValueError:  # the parent of all that packaging raises
        return
    if not applies or of not in ("", requirement.name.lower()):
        return
    found = version_of(requirement.name)
    if found is None or not _contains(requirement, found):
        yield Unmet(requirement.name, f"{requirement.name}{requirement.specifier}", found)


def _contains(requirement: Requirement, version: str) -> bool:
    from packaging.version import InvalidVersion

    try:
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return not requirement.specifier


def install_line(requirements: Sequence[str]) -> str:
    """Return the shell command that installs these."""
    return " ".join(["python -m pip install", *map(shlex.quote, requirements)])
