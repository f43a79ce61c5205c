"""Read and check a recipe: every problem in one pass, in the order of the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from cfplug.errors import Place, Problem, RecipeError, did_you_mean
from cfplug.plugin.components import KINDS
from cfplug.plugin.registry import Registry, load
from cfplug.recipe import builtin
from cfplug.recipe.keys import RecipeKeys
from cfplug.recipe.reader import DEFAULTS, Reading
from cfplug.recipe.recipe import Recipe, Use, yaml_text
from cfplug.recipe.yaml import Node, from_python, override, override_value, parse

FROM_PYTHON = "recipe"
"""The place of everything in a recipe that is a mapping of Python."""

OVERRIDES = "overrides"
"""The place of the values that `overrides` gives."""


def read_recipe(
    recipe: str | Path | Mapping[str, object],
    *,
    set: Sequence[str] = (),
    overrides: Mapping[str, object] = {},
    registry: Registry | None = None,
) -> Recipe:
    """Read and check a recipe.

    Args:
        recipe: a file, the name of a built-in recipe, or the recipe itself as a mapping.
        set: overrides as the command line gives them, `key.path=value` with a value in YAML.
        overrides: dotted keys, such as `train.epochs`, with Python values. They come before `set`.
        registry: the plugins; those that are installed if left out.

    Relative paths in a file start from its folder, all others from the current folder.

    Raises:
        RecipeError: the recipe cannot be run; the error has every problem.
        CfplugError: there is neither a file nor a built-in recipe of that name.
    """
    if isinstance(recipe, Mapping):
        problems: list[Problem] = []
        root = from_python(recipe, Place(FROM_PYTHON), problems)
        text = "" if problems else yaml_text(root.plain())
        document = _Document(root, FROM_PYTHON, text, problems)
        return _checked(document, set, overrides, registry)
    path = Path(recipe)
    is_name = isinstance(recipe, str) and path.name == recipe and not path.suffix
    if is_name and not path.exists():
        path = builtin.find(path.name)
    text = _read_text(path)
    return parse_recipe(text, str(path), set=set, overrides=overrides, registry=registry)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        why = f"not UTF-8 text, at byte {error.start}"
        raise RecipeError([Problem(Place(str(path)), "", why)]) from error
    except OSError as error:
        near = did_you_mean(path.name, (each.name for each in path.parent.glob("*.y*ml")))
        why = f"cannot be read: {error.strerror or error}{near}"
        raise RecipeError([Problem(Place(str(path)), "", why)]) from error


def parse_recipe(
    text: str,
    source: str,
    *,
    set: Sequence[str] = (),
    overrides: Mapping[str, object] = {},
    registry: Registry | None = None,
) -> Recipe:
    """Read and check the recipe in `text`, as `read_recipe` does.

    `source` is the file that messages name and from whose folder relative paths start.
    """
    root, problems = parse(text, source)
    document = _Document(root, source, text, problems)
    return _checked(document, set, overrides, registry)


@frozen
class _Document:
    """A recipe before it is checked, and the problems that reading it has found."""

    root: Node
    source: str
    text: str
    problems: list[Problem]


def _checked(
    document: _Document,
    set: Sequence[str],
    overrides: Mapping[str, object],
    registry: Registry | None,
) -> Recipe:
    root, source, problems = document.root, document.source, document.problems
    if not isinstance(root.value, dict):
        why = "a recipe is a table of keys, such as `data: movielens-100k`"
        what = Problem(root.place, "", "the recipe is empty" if root.value is None else why)
        raise RecipeError(_in_order(problems, source, 0) or [what])
    root = _with_values(root, overrides, problems)
    root = _overridden(root, set, problems)
    recipe = RecipeKeys(Reading(root, source, registry or load(), problems)).recipe(document.text)
    if recipe is None or problems:
        raise RecipeError(_in_order(problems, source, len(set)))
    return recipe


def _with_values(root: Node, overrides: Mapping[str, object], problems: list[Problem]) -> Node:
    place = Place(OVERRIDES)
    for key, value in overrides.items():
        try:
            root = override_value(_with_default(root, key, place, DEFAULTS), key, value, place)
        except RecipeError as error:
            problems += error.problems
    return root


def _overridden(
    root: Node,
    arguments: Sequence[str],
    problems: list[Problem],
    defaults: Mapping[str, Any] = DEFAULTS,
) -> Node:
    for number, argument in enumerate(arguments, start=1):
        place = Place(f"--set argument {number}")
        try:
            root = override(_with_default(root, argument, place, defaults), argument, place)
        except RecipeError as error:
            problems += error.problems
    return root


def _with_default(root: Node, argument: str, place: Place, defaults: Mapping[str, Any]) -> Node:
    """Write out in `root` the default of which `argument` may change a part."""
    key = re.split(r"[.=[]", argument, maxsplit=1)[0]
    if key not in defaults or key in root.value:
        return root
    value = {**root.value, key: from_python(defaults[key], place, [])}
    return Node(value, root.place, {**root.keys, key: place})


def _in_order(problems: Iterable[Problem], source: str, overrides: int) -> list[Problem]:
    """Sort problems as their places are in the file, then by override and argument."""
    arguments = [f"--set argument {number}" for number in range(1, overrides + 1)]
    sources = [source, OVERRIDES, *arguments]

    def order(problem: Problem) -> tuple[int, int, int]:
        place = problem.place or Place(source)
        return sources.index(place.source), place.line or 0, place.column or 0

    return sorted(problems, key=order)


def read_use(
    kind: str, name: str, *, set: Sequence[str] = (), registry: Registry | None = None
) -> Use[Any]:
    """Return one component with its parameters, as a recipe would name it.

    Raises:
        RecipeError: there is no such component, or `set` does not fit; with every problem.
    """
    place = Place(name)
    problems: list[Problem] = []
    root = _overridden(Node({"use": Node(name, place)}, place, {"use": place}), set, problems, {})
    use = Reading(root, "", registry or load(), problems).use(KINDS[kind], ())
    if use is None or problems:
        raise RecipeError(_in_order(problems, name, len(set)))
    return use
