"""Read YAML 1.2 as plain values that know their places. Safe: no tags, no aliases, no code."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any

from attrs import evolve, field, frozen
from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from cfplug.errors import Place, Problem, RecipeError, printable, shown

Path = Sequence[str | int]

DEEPEST = 20
"""How many levels of tables and lists a recipe may have."""


class _Refused:
    def __repr__(self) -> str:
        return "..."


REFUSED = _Refused()
"""A value that was already reported while reading, so that nothing else is reported about it."""


@frozen
class Node:
    """One value of a document: a scalar, a tuple of nodes, or a dictionary of nodes.

    `place` is where the value begins, `keys` where each key of a dictionary begins.
    """

    value: Any
    place: Place
    keys: Mapping[str, Place] = field(factory=dict)

    def plain(self) -> Any:
        """Return the value without its places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value

    def step(self, step: str | int) -> Node | None:
        """Return the value under one key or at one position, or None."""
        if isinstance(self.value, dict):
            return self.value.get(step)
        if isinstance(self.value, tuple) and isinstance(step, int) and step < len(self.value):
            return self.value[step]  # type: ignore[no-any-return]
        return None

    def nearest(self, path: Path) -> Node:
        """Return the value at `path`, or the last one on the way where the path ends early."""
        node = self
        for step in path:
            inner = node.step(step)
            if inner is None:
                break
            node = inner
        return node

    def place_of(self, path: Path, *, on_key: bool = False) -> Place:
        """Return where the value (or its key) at `path` is, or the nearest place around it."""
        around = self.nearest(path[:-1])
        if on_key and path and path[-1] in around.keys:
            return around.keys[str(path[-1])]
        return self.nearest(path).place


def path_text(path: Path) -> str:
    """Return `("models", 0, "factors")` as `models[0].factors`."""
    words = [f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in path]
    return "".join(words).removeprefix(".")


# From text


def parse(text: str, source: str) -> tuple[Node, list[Problem]]:
    """Read the document in `text`.

    Args:
        text: the YAML.
        source: the file that places name.

    Returns:
        The document (null if there is none), and everything in it that a recipe may not have.

    Raises:
        RecipeError: the text is not YAML.
    """
    documents = _composed(text, source)
    builder = _Builder(text, source)
    if not documents:
        return Node(None, Place(source, 1, 1)), []
    start, composed = documents[0]
    if start.version not in (None, (1, 2)):
        builder.report(start, (), "a recipe is YAML 1.2; leave out the line with %YAML")
    root = builder.node(composed, ())
    for after, _ in documents[1:2]:
        builder.report(after, (), "a recipe is one document; here begins another")
    return root, builder.problems


class _Composer(Composer):
    """Composes each document with the event that starts it.

    No alias is looked up, and nothing that is nested too deeply is composed.
    """

    def compose_document(self) -> Any:
        return self.parser.peek_event(), super().compose_document()

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        event.anchor = None
        marks = event.start_mark, event.end_mark
        if isinstance(event, AliasEvent):
            self.parser.get_event()
            return ScalarNode("alias", "", *marks)
        if isinstance(event, CollectionStartEvent) and self.depth > DEEPEST:
            self._skip()
            return SequenceNode("too deep", [], *marks)
        return super().compose_node(parent, index)

    def _skip(self) -> None:
        depth = None
        while depth != 0:
            event = self.parser.get_event()
            change = isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            depth = (depth or 0) + change


def _composed(text: str, source: str) -> list[tuple[Any, Any]]:
    """Return what ruamel.yaml composes of each document; RecipeError for whatever it raises."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _Composer
    try:
        return list(yaml.compose_all(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source, 1, 1)
        is_tab = mark is not None and text[mark.index : mark.index + 1] == "\t"
        advice = "; write spaces, not tabs" if is_tab else ""
        raise _not_yaml(place, f"{error.problem or error.context}{advice}") from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        place = Place(source, line, column)
        raise _not_yaml(place, f"it may not hold {chr(error.character)!r}") from error
    except (YAMLError, ValueError, AttributeError, TypeError, LookupError) as error:
        # ruamel.yaml lets a few of its own errors through on texts that are not YAML
        why = str(error).partition("\n")[0] or type(error).__name__
        raise _not_yaml(Place(source, 1, 1), why) from error


def _not_yaml(place: Place, why: str) -> RecipeError:
    return RecipeError([Problem(place, "", f"not YAML: {why}")])


_NO_ANCHOR = "anchors and aliases are not allowed; write the value out"
_NO_TAG = "tags are not allowed; write the plain value"
_TOO_DEEP = f"nested too deeply; at most {DEEPEST} levels"


@frozen
class _Builder:
    """Turns what ruamel.yaml composed into nodes and collects what a recipe may not have."""

    text: str
    source: str
    problems: list[Problem] = field(factory=list)

    def node(self, composed: Any, path: tuple[str | int, ...]) -> Node:
        place = self._place(composed)
        written = self.text[composed.start_mark.index : composed.end_mark.index]
        first = written[:1]
        if len(path) > DEEPEST:
            return self._refused(composed, path, _TOO_DEEP)
        if first == "!":
            return self._refused(composed, path, _NO_TAG)
        if first == "*":
            return self._refused(composed, path, _NO_ANCHOR)
        if first == "&":
            self.report(composed, path, _NO_ANCHOR)
        if isinstance(composed, MappingNode):
            return self._mapping(composed, path)
        if isinstance(composed, SequenceNode):
            items = [self.node(item, (*path, at)) for at, item in enumerate(composed.value)]
            return Node(tuple(items), place)
        tag = composed.tag
        if composed.style is None and _NO_LEADING_DIGIT.fullmatch(composed.value):
            tag = _FLOAT
        try:
            return Node(_READERS.get(tag, _joined_surrogates)(composed.value), place)
        except ValueError as error:
            return self._refused(composed, path, str(error))

    def _mapping(self, composed: Any, path: tuple[str | int, ...]) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for key_node, value_node in composed.value:
            key = self._key(key_node, path)
            node = self.node(value_node, (*path, key or "?"))
            if value_node.start_mark.index == value_node.end_mark.index:
                # nothing was written, which YAML places at the next key
                node = evolve(node, place=self._place(key_node))
            if key in keys:
                self.report(key_node, (*path, key), f"given twice; first on line {keys[key].line}")
            elif key is not None:
                keys[key] = self._place(key_node)
                values[key] = node
        return Node(values, self._place(composed), keys)

    def _key(self, composed: Any, path: tuple[str | int, ...]) -> str | None:
        if not isinstance(composed, ScalarNode):
            self.report(composed, path, "a key is text; is a table or a list")
            return None
        key = self.node(composed, path).value
        if isinstance(key, str):
            return key
        if key is not REFUSED:
            self.report(composed, path, f"a key is text; is {shown(key)}")
        return None

    def report(self, marked: Any, path: tuple[str | int, ...], message: str) -> None:
        problem = Problem(self._place(marked), path_text(path), message)
        if problem not in self.problems:  # a table and its first key begin at one place
            self.problems.append(problem)

    def _refused(self, composed: Any, path: tuple[str | int, ...], message: str) -> Node:
        self.report(composed, path, message)
        return Node(REFUSED, self._place(composed))

    def _place(self, marked: Any) -> Place:
        return Place(self.source, marked.start_mark.line + 1, marked.start_mark.column + 1)


def _whole_number(text: str) -> int | str:
    """Read an integer; `1_000`, `0b11` and `-0x1f`, which ruamel.yaml takes too, are text."""
    if "_" in text:
        return text
    if len(text) > 40:
        raise ValueError("a number of more than 40 digits")
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    try:
        return int(text, base)
    except ValueError:
        return text


def _real_number(text: str) -> float | str:
    if "_" in text:
        return text
    return float(text.replace(".", "") if text[-1:].isalpha() else text)


def _joined_surrogates(text: str) -> str:
    """Join the halves in which JSON writes an emoji; a half alone is refused."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise ValueError("half of a surrogate pair is not text") from None


_FLOAT = "tag:yaml.org,2002:float"

_NO_LEADING_DIGIT = re.compile(r"[-+]?\.[0-9]+[eE][0-9]+")
"""A float of YAML 1.2, such as `.5e3`, that ruamel.yaml takes for text."""

_READERS: Mapping[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:null": lambda text: None,
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:int": _whole_number,
    _FLOAT: _real_number,
}
"""How a scalar of each tag is read; any other is text."""


# From Python


def from_python(
    value: Any, place: Place, problems: list[Problem], path: tuple[str | int, ...] = ()
) -> Node:
    """Return `value` as a node, everything in it at `place`.

    Args:
        value: text, numbers, booleans, None and paths, in mappings, lists and tuples.
        place: where the value comes from.
        problems: receives what a recipe may not have.
        path: the keys and positions that lead to the value.
    """
    if len(path) > DEEPEST:
        problems.append(Problem(place, path_text(path), _TOO_DEEP))
        return Node(REFUSED, place)
    if isinstance(value, Mapping):
        inner = {}
        for key, item in value.items():
            if isinstance(key, str):
                inner[key] = from_python(item, place, problems, (*path, key))
            else:
                problems.append(Problem(place, path_text(path), f"a key is text; is {shown(key)}"))
        return Node(inner, place, dict.fromkeys(inner, place))
    if isinstance(value, list | tuple):
        items = [from_python(item, place, problems, (*path, at)) for at, item in enumerate(value)]
        return Node(tuple(items), place)
    try:
        return Node(_scalar_from_python(value), place)
    except ValueError as error:
        problems.append(Problem(place, path_text(path), str(error)))
        return Node(REFUSED, place)


def _scalar_from_python(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | PurePath):
        return _joined_surrogates(str(value))
    if isinstance(value, Integral):
        if abs(int(value)) >= 10**40:
            raise ValueError("a number of more than 40 digits")
        return int(value)
    if isinstance(value, Real):
        return float(value)
    kinds = "text, a number, a boolean, None, a list or a mapping"
    raise ValueError(f"must be {kinds}; is a {type(value).__name__}")


# Overrides


def override(root: Node, argument: str, place: Place) -> Node:
    """Return `root` with one `key.path=value` put in; the value is YAML, its place is `place`.

    Steps of the path are keys or positions: `models.0.factors=20`. A component that is named by
    its name alone becomes a table with that name under `use`.

    Raises:
        RecipeError: the argument has another form, its value is not YAML, or there is no such
            position.
    """
    key, equals, text = argument.partition("=")
    steps = _steps(key)
    if not equals or not steps:
        message = f"must look like key.path=value; is {shown(argument)}"
        raise RecipeError([Problem(place, "", message)])
    try:
        node, problems = parse(text, "")
    except RecipeError as error:
        node, problems = Node(None, place), list(error.problems)
    if problems:
        outer = path_text(steps)
        paths = [_joined(outer, each.path) for each in problems]
        raise RecipeError(
            Problem(place, path, each.message) for path, each in zip(paths, problems, strict=True)
        )
    return override_value(root, key, node.plain(), place)


def override_value(root: Node, key: str, value: Any, place: Place) -> Node:
    """Return `root` with a Python value put in under a dotted key, such as `train.epochs`.

    Raises:
        RecipeError: the key is not a dotted key, the value is not plain data, or there is no
            such position.
    """
    steps = _steps(key)
    if not steps:
        message = f"must be a dotted key, such as train.epochs; is {shown(key)}"
        raise RecipeError([Problem(place, "", message)])
    if len(steps) > DEEPEST:
        raise RecipeError([Problem(place, "", _TOO_DEEP)])
    problems: list[Problem] = []
    node = from_python(value, place, problems, tuple(steps))
    if problems:
        raise RecipeError(problems)
    return _put(root, steps, node, ())


_POSITION = re.compile(r"[0-9]{1,9}")


def _steps(key: str) -> list[str | int]:
    """Return the steps of a dotted key; none if it is not one."""
    words = key.replace("[", ".").replace("]", "").split(".")
    if "" in words:
        return []
    return [int(word) if _POSITION.fullmatch(word) else word for word in words]


def _joined(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if inner and not inner.startswith("[") else outer + inner


def _put(node: Node, steps: Path, new: Node, done: tuple[str | int, ...]) -> Node:
    """Return `node` with `new` at `steps`; `done` are the steps that lead to `node`."""
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    here = (*done, step)
    if isinstance(node.value, tuple):
        count = len(node.value)
        if not isinstance(step, int) or step >= count:
            entries = "entry" if count == 1 else "entries"
            message = f"no such position; {path_text(done)} has {count} {entries}"
            raise RecipeError([Problem(new.place, path_text(here), message)])
        items = list(node.value)
        items[step] = _put(items[step], rest, new, here)
        return evolve(node, value=tuple(items))
    if isinstance(node.value, str):
        node = Node({"use": node}, node.place, {"use": node.place})
    key = str(step)
    inner = node.value if isinstance(node.value, dict) else {}
    old = inner.get(key, Node({}, new.place))
    place = node.keys.get(key, new.place) if rest else new.place
    value = {**inner, key: _put(old, rest, new, here)}
    return Node(value, node.place, {**node.keys, key: place})
