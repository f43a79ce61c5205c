"""What a distribution asks for, and what of that is not here."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from cfplug.plugin.discovery import head

if TYPE_CHECKING:
    from packaging.requirements import Requirement

VersionOf = Callable[[str], str | None]
"""The installed version of a distribution, None if it is not installed."""


@frozen
class Unmet:
    """A requirement that is not met: its distribution, the whole of it, and the version that is installed, if any."""

    name: str
    text: str
    found: str | None

    def __str__(self) -> str:
        found = (
            "which is not installed"
            if self.found is None
            else f"and {self.name} {self.found} is installed"
        )
        return f"{self.text}, {found}"


def versions() -> VersionOf:
    """Looks each name up once, in the distributions as they are now."""
    return functools.cache(_version_of)


def _version_of(name: str) -> str | None:
    from importlib.metadata import Distribution, PackageNotFoundError

    try:
        return head(Distribution.from_name(name)).get("version", ["of no version"])[0]
    except (PackageNotFoundError, ValueError):
        return None


def unmet(requires: Iterable[str], version_of: VersionOf, *, of: str = "") -> Iterator[Unmet]:
    """Which of these lines of Requires-Dist do not hold here, or only of those that ask for `of`.

    A line that belongs to an extra or to another platform asks for nothing. One that cannot be read
    is passed over: no installer would have let it pass."""
    for line in requires:
        if not line.lower().startswith(of) or _plainly_met(line, version_of):
            continue
        if (need := _applying(line)) and of in ("", need.name.lower()):
            found = version_of(need.name)
            if found is None or not _fits(need, found):
                yield Unmet(need.name, f"{need.name}{need.specifier}", found)


_AT_LEAST = re.compile(r"([\w.-]+?) *\(?>= *([0-9]+(?:\.[0-9]+)*)\)?")
_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def _plainly_met(line: str, version_of: VersionOf) -> bool:
    """Whether this is `name>=1.2` and plainly holds: the usual case, told without the import of `packaging`."""
    match = _AT_LEAST.fullmatch(line)
    found = match and version_of(match[1])
    return bool(
        match and found and _NUMBERS.fullmatch(found) and _numbers(found) >= _numbers(match[2])
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _applying(line: str) -> Requirement | None:
    from packaging.requirements import Requirement

    try:
        need = Requirement(line)
        return need if need.marker is None or need.marker.evaluate({"extra": ""}) else None
    except ValueError:  # the parent of all that packaging raises
        return None


def _fits(need: Requirement, version: str) -> bool:
    from packaging.version import InvalidVersion

    try:
        return need.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return not need.specifier


def install_line(needs: Sequence[str]) -> str:
    """The command that installs these."""
    return " ".join(["python -m pip install", *map(shlex.quote, needs)])
