"""YAML text -> plain values that remember their places. Safe: no tags, no aliases, no code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from cfplug.errors import Place, Problem, RecipeError

Path = Sequence[str | int]


@frozen
class Node:
    """One value of a document: a scalar, a tuple of nodes, or a dictionary of nodes.

    `place` is where the value begins, `keys` where each key of a dictionary stands.
    """

    value: Any
    place: Place
    keys: Mapping[str, Place] = field(factory=dict)

    def plain(self) -> Any:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value

    def place_of(self, path: Path, *, on_key: bool = False) -> Place:
        """Where the value (or its key) at `path` stands; the nearest place around it if there is none."""
        node, place = self, self.place
        for position, step in enumerate(path):
            if isinstance(node.value, dict) and step in node.value:
                last = position == len(path) - 1
                place = node.keys[str(step)] if last and on_key else node.value[step].place
                node = node.value[step]
            elif isinstance(node.value, tuple) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                place = node.place
            else:
                break
        return place


def path_text(path: Path) -> str:
    """`("models", 0, "factors")` as `models[0].factors`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def parse(text: str, source: str) -> tuple[Node, list[Problem]]:
    """The document in `text`, and every duplicate key, tag and alias in it; RecipeError if it is no YAML."""
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)
        raise RecipeError([Problem(place, "", f"not YAML: {error.problem or error.context}")]) from error
    except (YAMLError, RecursionError, ValueError, AttributeError, TypeError, LookupError) as error:
        # ruamel.yaml lets a few of its own slips through on texts that are no YAML
        why = str(error).partition("\n")[0] or type(error).__name__
        raise RecipeError([Problem(Place(source, 1, 1), "", f"not YAML: {why}")]) from error
    if root is None:
        raise RecipeError([Problem(Place(source, 1, 1), "", "the recipe is empty")])
    reader = _Reader(source)
    return reader.node(root, ()), reader.problems


@frozen
class _Reader:
    """Turns ruamel's nodes into ours and collects what a recipe may not have."""

    source: str
    problems: list[Problem] = field(factory=list)
    seen: set[int] = field(factory=set)

    def node(self, raw: Any, path: tuple[str | int, ...]) -> Node:
        place = Place(self.source, raw.start_mark.line + 1, raw.start_mark.column + 1)
        if id(raw) in self.seen or raw.anchor:
            return self._refuse(place, path, "anchors and aliases are not allowed; write the value out")
        self.seen.add(id(raw))
        if len(path) > 20:
            return self._refuse(place, path, "nested too deeply")
        if isinstance(raw, MappingNode):
            return self._mapping(raw, place, path)
        if isinstance(raw, SequenceNode):
            return Node(tuple(self.node(item, (*path, n)) for n, item in enumerate(raw.value)), place)
        return self._scalar(raw, place, path)

    def _refuse(self, place: Place, path: tuple[str | int, ...], message: str) -> Node:
        self.problems.append(Problem(place, path_text(path), message))
        return Node(None, place)

    def _mapping(self, raw: Any, place: Place, path: tuple[str | int, ...]) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for raw_key, raw_value in raw.value:
            key = self.node(raw_key, path)
            if not isinstance(key.value, str):
                self._refuse(key.place, path, f"a key is text; is {key.plain()!r}")
            elif key.value in values:
                first = keys[key.value].line
                self._refuse(key.place, (*path, key.value), f"given twice; first on line {first}")
            else:
                keys[key.value] = key.place
                values[key.value] = self.node(raw_value, (*path, key.value))
        return Node(values, place, keys)

    def _scalar(self, raw: ScalarNode, place: Place, path: tuple[str | int, ...]) -> Node:
        try:
            return Node(scalar(raw), place)
        except ValueError as error:
            return self._refuse(place, path, str(error))


_TAG = "tag:yaml.org,2002:"
_TRUE = {"true": True, "false": False}


def scalar(raw: ScalarNode) -> Any:
    """The value of a YAML 1.2 scalar (core schema); ValueError for any other tag."""
    kind, text = str(raw.tag), str(raw.value)
    if kind == _TAG + "str":
        return text
    if kind == _TAG + "null":
        return None
    if kind == _TAG + "bool":
        return _TRUE[text.lower()]
    if kind == _TAG + "int":
        return _whole(text)
    if kind == _TAG + "float":
        return _real(text)
    if kind == _TAG + "timestamp":
        return text  # a date is text to us; the column that it means says how to read it
    raise ValueError(f"the tag {kind} is not allowed")


def _whole(text: str) -> int:
    digits = text.replace("_", "")
    base = {"0o": 8, "0x": 16, "0b": 2}.get(digits.lstrip("+-")[:2].lower(), 10)
    if len(digits) > 40:
        raise ValueError("a number of more than 40 digits")
    return int(digits, base)


def _real(text: str) -> float:
    lowered = text.lower().replace("_", "")
    if lowered.lstrip("+-") in (".inf", ".nan"):
        return float(lowered.replace(".", ""))
    return float(lowered)


def override(root: Node, argument: str, place: Place) -> Node:
    """`root` with one `key.path=value` put in; the value is YAML, its place is `place`.

    Steps of the path are keys or positions: `models.0.factors=20`. A component that is named by
    its name alone becomes a table with that name under `use`.
    """
    path, equals, text = argument.partition("=")
    steps = [int(step) if step.isdigit() else step for step in path.replace("[", ".").replace("]", "").split(".")]
    if not equals or "" in steps:
        raise RecipeError([Problem(place, "", f"must look like key.path=value; is {argument!r}")])
    parsed, problems = parse(text, str(place)) if text.strip() else (Node(None, place), [])
    if problems:
        raise RecipeError(evolve(problem, place=place) for problem in problems)
    return _put(root, steps, _relocate(parsed, place), place, ())


def _relocate(node: Node, place: Place) -> Node:
    if isinstance(node.value, dict):
        inner = {key: _relocate(item, place) for key, item in node.value.items()}
        return Node(inner, place, dict.fromkeys(inner, place))
    if isinstance(node.value, tuple):
        return Node(tuple(_relocate(item, place) for item in node.value), place)
    return Node(node.value, place)


def _put(node: Node, steps: Path, value: Node, place: Place, done: tuple[str | int, ...]) -> Node:
    if not steps:
        return value
    step, rest, here = steps[0], steps[1:], (*done, steps[0])
    if isinstance(node.value, tuple):
        if not isinstance(step, int) or step >= len(node.value):
            count = len(node.value)
            message = f"no such position; {path_text(done)} has {count} {'entry' if count == 1 else 'entries'}"
            raise RecipeError([Problem(place, path_text(here), message)])
        items = list(node.value)
        items[step] = _put(items[step], rest, value, place, here)
        return evolve(node, value=tuple(items))
    if isinstance(node.value, str):
        node = Node({"use": node}, node.place, {"use": node.place})
    inner = node.value if isinstance(node.value, dict) else {}
    old = inner.get(str(step), Node({}, place))
    keys = {**node.keys, str(step): node.keys.get(str(step), place) if rest else place}
    return Node({**inner, str(step): _put(old, rest, value, place, here)}, node.place, keys)


def walk(node: Node, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    """Every value of the document with its path, parents first."""
    yield path, node
    if isinstance(node.value, dict):
        for key, inner in node.value.items():
            yield from walk(inner, (*path, key))
    elif isinstance(node.value, tuple):
        for position, inner in enumerate(node.value):
            yield from walk(inner, (*path, position))
