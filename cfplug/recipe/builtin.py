"""The recipes that ship with cfplug."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from cfplug.errors import CfplugError, did_you_mean


def shelf() -> Path:
    """The folder of the recipes: inside the installed package, or beside it in a checkout."""
    package = Path(str(resources.files("cfplug")))
    inside = package / "recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def names() -> list[str]:
    """The names of the recipes, sorted."""
    return sorted(path.stem for path in shelf().glob("*.yaml"))


def find(name: str) -> Path:
    """The file of the recipe called `name`; CfplugError that names the nearest one."""
    known, stem = names(), name.removesuffix(".yaml")
    if stem not in known:
        raise CfplugError(
            f"no recipe called {name}{did_you_mean(stem, known)} (cfplug recipes list)"
        )
    return shelf() / f"{stem}.yaml"


def title(path: Path) -> str:
    """The first comment of a recipe: what it is, in a line."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""
