"""Read YAML 1.2 as plain values that know their places. Safe: no tags, no aliases, no code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any

from attrs import evolve, field, frozen
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)
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
    events = _events(text, source)
    starts = [event for event in events if isinstance(event, DocumentStartEvent)]
    if not starts:
        return Node(None, Place(source, 1, 1)), []
    content = iter(events[events.index(starts[0]) + 1 :])
    builder = _Builder(source, content)
    if starts[0].version not in (None, (1, 2)):
        builder.report(starts[0], (), "a recipe is YAML 1.2; leave out the line with %YAML")
    root = builder.node(next(content), ())
    if len(starts) > 1:
        builder.report(starts[1], (), "a recipe is one document; here begins another")
    return root, builder.problems


def _events(text: str, source: str) -> list[Any]:
    """Return the events of ruamel.yaml's parser; RecipeError for whatever it raises."""
    try:
        return list(YAML(typ="safe", pure=True).parse(text))
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
    """Turns events into nodes and collects what a recipe may not have.

    A method that gets the first event of a value reads the rest of that value from `events`.
    """

    source: str
    events: Iterator[Any]
    problems: list[Problem] = field(factory=list)

    def node(self, event: Any, path: tuple[str | int, ...]) -> Node:
        if len(path) > DEEPEST:
            return self._refused(event, path, _TOO_DEEP)
        if isinstance(event, AliasEvent):
            return self._refused(event, path, _NO_ANCHOR)
        if event.tag is not None:
            return self._refused(event, path, _NO_TAG)
        if event.anchor is not None:
            self.report(event, path, _NO_ANCHOR)
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, path)
        if isinstance(event, SequenceStartEvent):
            items = [self.node(item, (*path, at)) for at, item in enumerate(self._entries())]
            return Node(tuple(items), self._place(event))
        is_plain, _ = event.implicit
        try:
            value = _plain_scalar(event.value) if is_plain else _joined_surrogates(event.value)
        except ValueError as error:
            return self._refused(event, path, str(error))
        return Node(value, self._place(event))

    def _entries(self) -> Iterator[Any]:
        """Yield the first event of each entry, up to the end of the table or list."""
        for event in self.events:
            if isinstance(event, CollectionEndEvent):
                return
            yield event

    def _mapping(self, event: Any, path: tuple[str | int, ...]) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        for key_event in self._entries():
            key = self._key(key_event, path)
            value_event = next(self.events)
            node = self.node(value_event, (*path, key or "?"))
            begin, end = value_event.start_mark.index, value_event.end_mark.index
            if isinstance(value_event, ScalarEvent) and begin == end:
                # nothing was written, which YAML places at the next key
                node = evolve(node, place=self._place(key_event))
            if key in keys:
                self.report(key_event, (*path, key), f"given twice; first on line {keys[key].line}")
            elif key is not None:
                keys[key] = self._place(key_event)
                values[key] = node
        return Node(values, self._place(event), keys)

    def _key(self, event: Any, path: tuple[str | int, ...]) -> str | None:
        if isinstance(event, CollectionStartEvent):
            self._refused(event, path, "a key is text; is a table or a list")
            return None
        key = self.node(event, path).value
        if isinstance(key, str):
            return key
        if key is not REFUSED:
            self.report(event, path, f"a key is text; is {shown(key)}")
        return None

    def report(self, event: Any, path: tuple[str | int, ...], message: str) -> None:
        problem = Problem(self._place(event), path_text(path), message)
        if problem not in self.problems:  # a table and its first key begin at one place
            self.problems.append(problem)

    def _refused(self, event: Any, path: tuple[str | int, ...], message: str) -> Node:
        """Report a value, and leave out all that is in it."""
        self.report(event, path, message)
        depth = int(isinstance(event, CollectionStartEvent))
        while depth:
            inner = next(self.events)
            depth += isinstance(inner, CollectionStartEvent)
            depth -= isinstance(inner, CollectionEndEvent)
        return Node(REFUSED, self._place(event))

    def _place(self, event: Any) -> Place:
        return Place(self.source, event.start_mark.line + 1, event.start_mark.column + 1)


_NULL = ("", "~", "null", "Null", "NULL")
_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def _plain_scalar(text: str) -> Any:
    """Return the value of text without quotes, by the core schema of YAML 1.2.2, section 10.3.2."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        if len(text) > 40:
            raise ValueError("a number of more than 40 digits")
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return _joined_surrogates(text)


def _joined_surrogates(text: str) -> str:
    """Join the halves in which JSON writes an emoji; a half alone is refused."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise ValueError("half of a surrogate pair is not text") from None


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
        problems = list(error.problems)
    if problems:
        outer = path_text(steps)
        raise RecipeError(
            Problem(place, _joined(outer, each.path), each.message) for each in problems
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
