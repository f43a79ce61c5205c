"""YAML 1.2 text -> plain values that remember their places. Safe: no tags, no aliases, no code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from cfplug.errors import Place, Problem, RecipeError, printable, shown

Path = Sequence[str | int]

DEEPEST = 20


class _Refused:
    def __repr__(self) -> str:
        return "..."


REFUSED = _Refused()
"""Stands for a value that was reported while reading, so that nobody reports what follows from it."""


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

    def step(self, step: str | int) -> Node | None:
        """The value under one key or at one position, or None."""
        if isinstance(self.value, dict):
            return self.value.get(step)
        if isinstance(self.value, tuple) and isinstance(step, int) and step < len(self.value):
            return self.value[step]  # type: ignore[no-any-return]
        return None

    def nearest(self, path: Path) -> Node:
        """The value at `path`; where there is none, the last one on the way."""
        node = self
        for step in path:
            inner = node.step(step)
            if inner is None:
                break
            node = inner
        return node

    def place_of(self, path: Path, *, on_key: bool = False) -> Place:
        """Where the value (or its key) at `path` stands; the nearest place around it if there is none."""
        around = self.nearest(path[:-1])
        if on_key and path and path[-1] in around.keys:
            return around.keys[str(path[-1])]
        return self.nearest(path).place


def path_text(path: Path) -> str:
    """`("models", 0, "factors")` as `models[0].factors`."""
    words = [f"[{step}]" if isinstance(step, int) else f".{printable(step)}" for step in path]
    return "".join(words).removeprefix(".")


def parse(text: str, source: str) -> tuple[Node, list[Problem]]:
    """The document in `text` (null if it has none), and all in it that a recipe may not have.

    RecipeError if it is no YAML at all.
    """
    reader = _Reader(source, _events(text, source))
    return reader.document(), reader.problems


def _events(text: str, source: str) -> Iterator[Any]:
    """What ruamel.yaml sees in `text`; whatever it raises becomes a RecipeError."""
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source, 1, 1)
        advice = "; write spaces, not tabs" if "'\\t'" in str(error.problem) else ""
        raise _not_yaml(place, f"{error.problem or error.context}{advice}") from error
    except ReaderError as error:
        line, column = (
            text.count("\n", 0, error.position),
            error.position - text.rfind("\n", 0, error.position),
        )
        raise _not_yaml(
            Place(source, line + 1, column), f"it may not hold {chr(error.character)!r}"
        ) from error
    except (YAMLError, ValueError, AttributeError, TypeError, LookupError) as error:
        # ruamel.yaml lets a few of its own slips through on texts that are no YAML
        raise _not_yaml(
            Place(source, 1, 1), str(error).partition("\n")[0] or type(error).__name__
        ) from error


def _not_yaml(place: Place, why: str) -> RecipeError:
    return RecipeError([Problem(place, "", f"not YAML: {why}")])


@frozen
class _Reader:
    """Turns ruamel's events into nodes and collects what a recipe may not have."""

    source: str
    events: Iterator[Any]
    problems: list[Problem] = field(factory=list)

    def document(self) -> Node:
        next(self.events)  # the stream starts
        start = next(self.events)
        if isinstance(start, StreamEndEvent):
            return Node(None, Place(self.source, 1, 1))
        if start.version not in (None, (1, 2)):
            self._report(start, (), "a recipe is YAML 1.2; leave out the line with %YAML")
        root = self.node(next(self.events), ())
        next(self.events)  # the document ends
        after = next(self.events)
        if not isinstance(after, StreamEndEvent):
            self._report(after, (), "a recipe is one document; here begins another")
        return root

    def node(self, event: Any, path: tuple[str | int, ...]) -> Node:
        if len(path) > DEEPEST:
            self._report(event, path, f"nested too deeply; at most {DEEPEST} levels")
            raise RecipeError(self.problems)
        if isinstance(event, AliasEvent) or event.anchor:
            self._report(event, path, "anchors and aliases are not allowed; write the value out")
        node = self._content(event, path)
        if isinstance(event, AliasEvent) or event.tag is None:
            return node
        self._report(event, path, "tags are not allowed; write the plain value")
        return Node(REFUSED, node.place)

    def _content(self, event: Any, path: tuple[str | int, ...]) -> Node:
        place = self._place(event)
        if isinstance(event, AliasEvent):
            return Node(REFUSED, place)
        if isinstance(event, MappingStartEvent):
            return self._mapping(place, path)
        if isinstance(event, CollectionStartEvent):
            items = self._until(SequenceEndEvent)
            return Node(
                tuple(self.node(item, (*path, number)) for number, item in enumerate(items)), place
            )
        return Node(self._scalar(event, path), place)

    def _mapping(self, place: Place, path: tuple[str | int, ...]) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for event in self._until(MappingEndEvent):
            key = self._key(event, path)
            node = self._value(event, (*path, key or "?"))
            if key in values:
                self._report(event, (*path, key), f"given twice; first on line {keys[key].line}")
            elif key is not None:
                keys[key], values[key] = self._place(event), node
        return Node(values, place, keys)

    def _key(self, event: Any, path: tuple[str | int, ...]) -> str | None:
        if isinstance(event, CollectionStartEvent):
            self._report(event, path, "a key is text; is a table or a list")
            self._skip()
            return None
        key = self.node(event, path).value
        if isinstance(key, str):
            return key
        if key is not REFUSED:
            self._report(event, path, f"a key is text; is {shown(key)}")
        return None

    def _value(self, key: Any, path: tuple[str | int, ...]) -> Node:
        event = next(self.events)
        node = self.node(event, path)
        empty = isinstance(event, ScalarEvent) and event.start_mark.index == event.end_mark.index
        return (
            evolve(node, place=self._place(key)) if empty else node
        )  # YAML puts it where the next key begins

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := next(self.events), end):
            yield event

    def _skip(self) -> None:
        """Read on to the end of the collection that has begun."""
        depth = 1
        while depth:
            event = next(self.events)
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)

    def _scalar(self, event: ScalarEvent, path: tuple[str | int, ...]) -> Any:
        try:
            return _scalar(str(event.value), plain=event.style is None)
        except ValueError as error:
            self._report(event, path, str(error))
            return REFUSED

    def _report(self, event: Any, path: tuple[str | int, ...], message: str) -> None:
        self.problems.append(Problem(self._place(event), path_text(path), message))

    def _place(self, event: Any) -> Place:
        return Place(self.source, event.start_mark.line + 1, event.start_mark.column + 1)


# The core schema of YAML 1.2

_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_REAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def _scalar(text: str, *, plain: bool) -> Any:
    if not plain:
        return _whole_letters(text)
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _WHOLE.fullmatch(text):
        return _whole(text)
    if _REAL.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if _SPECIAL.fullmatch(text) else text


def _whole(text: str) -> int:
    if len(text) > 40:
        raise ValueError("a number of more than 40 digits")
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _whole_letters(text: str) -> str:
    """`text` with the halves joined that JSON writes an emoji in; a half alone is no text."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise ValueError("half of a surrogate pair is no text") from None


# Overrides

_POSITION = re.compile(r"[0-9]{1,9}")


def override(root: Node, argument: str, place: Place) -> Node:
    """`root` with one `key.path=value` put in; the value is YAML, its place is `place`.

    Steps of the path are keys or positions: `models.0.factors=20`. A component that is named by
    its name alone becomes a table with that name under `use`.
    """
    path, equals, text = argument.partition("=")
    words = path.replace("[", ".").replace("]", "").split(".")
    if not equals or "" in words:
        raise RecipeError(
            [Problem(place, "", f"must look like key.path=value; is {shown(argument)}")]
        )
    if len(words) > DEEPEST:
        raise RecipeError([Problem(place, "", f"nested too deeply; at most {DEEPEST} levels")])
    steps = [int(word) if _POSITION.fullmatch(word) else word for word in words]
    return _put(root, steps, _override_value(text, steps, place), place, ())


def _override_value(text: str, steps: Path, place: Place) -> Node:
    try:
        node, problems = parse(text, "")
    except RecipeError as error:
        node, problems = Node(None, place), list(error.problems)
    if problems:
        raise RecipeError(
            Problem(place, _joined(path_text(steps), each.path), each.message) for each in problems
        )
    return _relocate(node, place)


def _joined(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if inner and not inner.startswith("[") else outer + inner


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
