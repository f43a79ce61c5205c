"""Find the recipes that ship with cfplug."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from cfplug.errors import CfplugError, did_you_mean


def shelf() -> Path:
    """Return the folder of the recipes: in the installed package, or next to it in a checkout."""
    package = Path(str(resources.files("cfplug")))
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def names() -> list[str]:
    """Return the names of the recipes, sorted."""
    return sorted(path.stem for path in shelf().glob("*.yaml"))


def find(name: str) -> Path:
    """Return the file of the recipe called `name`.

    Raises:
        CfplugError: there is no such recipe; the error names the nearest one.
    """
    known = names()
    stem = name.removesuffix(".yaml")
    if stem not in known:
        raise CfplugError(
            f"no recipe called {name}{did_you_mean(stem, known)} (cfplug recipes list)"
        )
    return shelf() / f"{stem}.yaml"


def title(path: Path) -> str:
    """Return the first comment of a recipe, which says in one line what it is."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
