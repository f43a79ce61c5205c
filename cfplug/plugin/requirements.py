"""Compare what a distribution requires with what is installed."""

from __future__ import annotations

import importlib.metadata
import shlex
from collections.abc import Iterable


def installed_version(name: str) -> str | None:
    """Return the version of a distribution; None if it is not installed, or only by half."""
    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, KeyError, ValueError):
        return None


def unmet(requires: Iterable[str]) -> dict[str, str]:
    """Return the requirements that are not met, each with what is installed instead.

    A line for an extra or for another platform does not count, nor one that cannot be read: no
    installer would have accepted it.

    Args:
        requires: lines as in `Requires-Dist`.
    """
    from packaging.requirements import Requirement

    found = {}
    for line in requires:
        try:
            requirement = Requirement(line)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            version = installed_version(requirement.name) if applies else None
            is_met = version and requirement.specifier.contains(version, prereleases=True)
        except ValueError:  # the parent of all that packaging raises
            continue
        if applies and not is_met:
            instead = f"{requirement.name} {version}" if version else "nothing"
            found[f"{requirement.name}{requirement.specifier}"] = instead
    return found


def unmet_lines(requires: Iterable[str]) -> list[str]:
    """Return a line for each requirement that is not met, and one with how to install them."""
    found = unmet(requires)
    lines = [f"  expected {text}, got {instead}" for text, instead in found.items()]
    if found:
        lines.append(f"  install it: python -m pip install {shlex.join(found)}")
    return lines
