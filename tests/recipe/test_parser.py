"""Recipes: what is accepted, what is refused and where, overrides, and the resolved text.

The properties are tested with recipes that hypothesis draws. A recipe is a tree that knows which
values each place may not have; `Page` writes it in one of many styles and notes every place, so
that the places in messages are compared with an independent count.
"""

from __future__ import annotations

import functools
import json
import math
import random
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

import cfplug
from cfplug.errors import Place, Problem, RecipeError, is_one_line
from cfplug.params import parameters
from cfplug.plugin.components import KINDS
from cfplug.plugin.discovery import Candidate, installed
from cfplug.plugin.registry import Registry, assemble, load
from cfplug.recipe import builtin, yaml
from cfplug.recipe.parser import parse_recipe, read_recipe, read_use
from cfplug.recipe.recipe import KEYS, Claim, Heading, Recipe
from cfplug.recipe.settings import FeatureChoice, TrainSettings
from cfplug.recipe.yaml import path_text

At = tuple[str | int, ...]

SOURCE = "r.yaml"


@functools.cache
def registry() -> Registry:
    return load(environment={})


def read(text: str, *sets: str) -> Recipe:
    return parse_recipe(text, SOURCE, set=sets, registry=registry())


def reported(text: str, *sets: str) -> list[Problem]:
    """The problems of a recipe; none if it has none."""
    try:
        read(text, *sets)
    except RecipeError as error:
        return list(error.problems)
    return []


# Trees


@attrs.frozen
class Leaf:
    """A scalar, with values that are wrong in its place: of another type, or out of its bounds."""

    value: Any
    wrong: tuple[Any, ...] = ()
    outside: tuple[Any, ...] = ()


@attrs.frozen
class Items:
    items: tuple[Any, ...]
    wrong: tuple[Any, ...] = (5, "words", None, {"a": 1})
    outside: tuple[Any, ...] = ()


@attrs.frozen
class Table:
    """Keys in their order, which may be there twice; `needed` may not be left out, `free` ones are
    anyone's.
    """

    entries: tuple[tuple[str, Any], ...]
    needed: tuple[str, ...] = ()
    wrong: tuple[Any, ...] = (5, None, True, [1])
    free: bool = False

    def __getitem__(self, key: str) -> Any:
        return dict(self.entries)[key]


@attrs.frozen
class Raw:
    """Text to be written as it is."""

    text: str


def children(node: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(node, Table):
        yield from node.entries
    elif isinstance(node, Items):
        yield from enumerate(node.items)


def walk(node: Any, path: At = ()) -> Iterator[tuple[At, Any]]:
    yield path, node
    for step, inner in children(node):
        yield from walk(inner, (*path, step))


def replaced(node: Any, path: At, change: Callable[[Any], Any]) -> Any:
    """The tree with the value at `path` changed."""
    if not path:
        return change(node)
    inner = [
        (step, replaced(each, path[1:], change) if step == path[0] else each)
        for step, each in children(node)
    ]
    if isinstance(node, Table):
        return attrs.evolve(node, entries=tuple(inner))
    return attrs.evolve(node, items=tuple(each for _, each in inner))


def as_tree(value: Any) -> Any:
    """Plain values as a tree without knowledge."""
    if isinstance(value, dict):
        return Table(tuple((key, as_tree(item)) for key, item in value.items()))
    if isinstance(value, list):
        return Items(tuple(map(as_tree, value)))
    return value if isinstance(value, Raw) else Leaf(value)


# Writing


@attrs.define
class Page:
    """Writes a tree as YAML, in a style drawn by chance, and notes the line and column of
    everything.
    """

    chance: random.Random
    text: str = ""
    values: dict[At, tuple[int, int]] = attrs.field(factory=dict)
    keys: dict[At, list[tuple[int, int]]] = attrs.field(factory=dict)

    @classmethod
    def of(cls, tree: Any, style: int) -> Page:
        page = cls(random.Random(style))
        page.put(page.chance.choice(["", "\n", "# a recipe: {really}\n", "%YAML 1.2\n---\n"]))
        if page.chance.random() < 0.1 or not tree.entries:
            page.flow(tree, ())
        else:
            page.block(tree, (), 0)
        page.put("\n")
        return page

    @property
    def here(self) -> tuple[int, int]:
        return self.text.count("\n") + 1, len(self.text) - self.text.rfind("\n")

    def put(self, text: str) -> None:
        self.text += text

    def block(self, node: Any, path: At, indent: int) -> None:
        """A table or list that is not empty, from where the pen is."""
        self.values.setdefault(path, self.here)
        for number, (step, inner) in enumerate(children(node)):
            if number:
                self.put(self.chance.choice(["\n", "\n", "  # {so: far}\n", "\n\n"]) + " " * indent)
            if isinstance(node, Items):
                self.put("- ")
                self.inner(inner, (*path, step), indent + 2, same_line=True)
            else:
                self.key(str(step), (*path, step))
                self.inner(
                    inner, (*path, step), indent + self.chance.choice([1, 2, 4]), same_line=False
                )

    def inner(self, node: Any, path: At, indent: int, *, same_line: bool) -> None:
        if isinstance(node, Leaf | Raw) or not list(children(node)) or self.chance.random() < 0.3:
            if (
                isinstance(node, Leaf)
                and node.value is None
                and not same_line
                and self.chance.random() < 0.5
            ):
                self.values.setdefault(
                    path, self.keys[path][-1]
                )  # nothing at all is null, and stands at its key
            else:
                self.put("" if same_line else self.chance.choice([" ", "   "]))
                self.flow(node, path)
            return
        if not same_line:
            self.put("\n" + " " * indent)
        self.block(node, path, indent)

    def flow(self, node: Any, path: At) -> None:
        self.values.setdefault(path, self.here)
        if isinstance(node, Raw):
            self.put(node.text)
        elif isinstance(node, Leaf):
            self.put(self.scalar(node.value))
        else:
            self.put("{" if isinstance(node, Table) else "[")
            for number, (step, inner) in enumerate(children(node)):
                self.put(self.chance.choice([", ", ",  "]) if number else "")
                if isinstance(node, Table):
                    self.key(str(step), (*path, step))
                    self.put(" ")
                self.flow(inner, (*path, step))
            self.put("}" if isinstance(node, Table) else "]")

    def key(self, key: str, path: At) -> None:
        self.keys.setdefault(path, []).append(self.here)
        self.put(f"{json.dumps(key) if self.chance.random() < 0.1 else key}:")

    def scalar(self, value: Any) -> str:
        if not isinstance(value, str):
            return "null" if value is None else json.dumps(value)
        if (
            re.fullmatch(r"[a-z][a-z/-]*", value)
            and value not in ("null", "true", "false")
            and self.chance.random() < 0.7
        ):
            return value
        if value.isprintable() and self.chance.random() < 0.3:
            return "'" + value.replace("'", "''") + "'"
        return json.dumps(value, ensure_ascii=self.chance.random() < 0.5 or not is_one_line(value))

    def place(self, path: At, *, on_key: bool = False) -> Place:
        return Place(SOURCE, *(self.keys[path][-1] if on_key else self.values[path]))


def flowing(node: Any) -> str:
    """A value on one line, as an override gives it."""
    page = Page(random.Random(0))
    page.flow(node, ())
    return page.text


# Recipes that are accepted

NO_NUMBER = ("0.5", True, None, [1], {"a": 1})
NO_WHOLE = (*NO_NUMBER, 2.5)
NO_TEXT = (5, True, None, 0.5, ["x"])
NO_NAME = (5, True, None, ["x"])
NONESUCH = ("nonesuch-zz", "no one/zz", "")

texts = st.text(max_size=9).filter(lambda text: is_one_line(text.strip())) | st.sampled_from(
    [
        "yes",
        "null",
        "3",
        "5e-3",
        "~",
        "=",
        "<<",
        "- a",
        "a: b",
        "#c",
        "2001-01-01",
        "1_000",
        "0o17",
        "'",
        "é😀",
    ]
)
names = st.sampled_from(["wide", "PMF 2", "слово", "a.b", "no", "3", "x-seed-1"])
paths = st.sampled_from(
    ["ratings.csv", "../data/u.data", "/data/ml-100k.zip", "a b/ü.parquet", "3"]
)


def whole(low: int, high: int, *outside: int) -> st.SearchStrategy[Leaf]:
    return st.integers(low, high).map(lambda value: Leaf(value, NO_WHOLE, outside))


def real(low: float, high: float, *outside: float) -> st.SearchStrategy[Leaf]:
    inside = range(math.ceil(low), math.floor(high) + 1)
    values = st.floats(low, high) | st.sampled_from(inside) if inside else st.floats(low, high)
    return values.map(lambda value: Leaf(value, NO_NUMBER, (*outside, math.inf, math.nan)))


def text(values: st.SearchStrategy[str] = texts, *outside: str) -> st.SearchStrategy[Leaf]:
    return values.map(lambda value: Leaf(value, NO_TEXT, outside))


def choice(*values: str) -> st.SearchStrategy[Leaf]:
    return text(st.sampled_from(values), "nonesuch-zz", "")


def named(kind: str, *values: str) -> st.SearchStrategy[Leaf]:
    """The name of a component, short or full."""
    full = [entry.full_name for entry in registry().entries(kind) if entry.component.name in values]
    return st.sampled_from([*values, *full]).map(lambda value: Leaf(value, NO_NAME, NONESUCH))


def pair(low: float, high: float) -> st.SearchStrategy[Items]:
    ends = Leaf(low, NO_NUMBER, (math.inf,)), Leaf(high, NO_NUMBER, (math.nan,))
    return st.just(Items(ends, (5, "words", {"a": 1}, [1], [1, 2, 3]), ([high, low], [low, low])))


@st.composite
def table(
    draw: st.DrawFn,
    needed: Mapping[str, Any],
    optional: Mapping[str, Any],
    wrong: tuple[Any, ...] = Table(()).wrong,
) -> Table:
    entries = draw(st.fixed_dictionaries(dict(needed), optional=dict(optional)))
    return Table(tuple(draw(st.permutations(list(entries.items())))), tuple(needed), wrong)


def component(
    kind: str, name: str, needed: Mapping[str, Any] = {}, **optional: Any
) -> st.SearchStrategy[Table]:
    return table({"use": named(kind, name), **needed}, optional)


roles = st.dictionaries(
    st.sampled_from(["users.age", "items.genres", "ratings.week"]),
    choice("category", "number"),
    min_size=1,
).map(lambda entries: Table(tuple(entries.items()), wrong=(5, "words", None, [1]), free=True))

sources = (
    named("source", "synthetic", "movielens-100k")
    | component(
        "source",
        "movielens-100k",
        path=text(paths, "", "a\0b").map(lambda leaf: attrs.evolve(leaf, wrong=NO_TEXT[:2])),
    )
    | component(
        "source",
        "synthetic",
        users=whole(60, 90, 0, -3),
        items=whole(1000, 2000, 0),
        factors=whole(1, 9, 0),
        noise=real(0, 9, -0.5),
        metadata=real(0, 1, 1.5, -1),
        scale=pair(1, 5) | pair(0.5, 6.5),
        drift=real(0, 2, -0.1),
    )
    | component(
        "source",
        "csv",
        {"ratings": text(paths, "", "a\0b")},
        user=text(),
        roles=roles,
        repeats=choice("error", "last", "mean"),
        scale=pair(0, 10),
        missing=st.lists(text(), max_size=3).map(lambda items: Items(tuple(items))),
    )
)
splits = (
    named("split", "random")
    | component("split", "random", valid=real(0.05, 0.4, 0, 1, -0.2), test=real(0, 0.4, 1, -0.1))
    | component("split", "predefined", {"fold": text()})
    | component(
        "split",
        "predefined",
        {"valid": text(paths, "")},
        train=text(paths).map(lambda leaf: Leaf(leaf.value, (5,), ("",))),
    )
)
losses = named("loss", "mse") | component("loss", "mse", range=pair(0, 5.5) | pair(-1, 7))
trains = table(
    {},
    {
        "epochs": whole(1, 30, 0, -1),
        "learning_rate": real(1e-6, 2, 0, -1e-3),
        "weight_decay": real(0, 1, -0.1),
        "batch_size": whole(1, 10**6, 0),
        "schedule": choice("one-cycle", "constant"),
        "momentum": real(0, 0.99, 1, -0.1),
    },
    wrong=(5, "fast", None, [1]),
)
unknowns = (
    text(st.just("error"), "nonesuch-zz", "errror").map(
        lambda leaf: attrs.evolve(leaf, wrong=NO_NAME)
    )
    | named("cold-start", "item-mean", "global-mean")
    | component("cold-start", "item-mean", damping=real(0, 99, -1))
)

MODELS: dict[str, dict[str, Any]] = {
    "pmf": {
        "factors": whole(1, 99, 0),
        "init_deviation": real(0.01, 9, 0),
        "loss": losses,
        "train": trains,
    },
    "dot-product": {"factors": whole(1, 99, -1), "loss": losses, "train": trains},
    "mean": {},
    "bias": {"user_damping": real(0, 9, -1), "rounds": whole(1, 99, 0)},
}
METRICS: dict[str, dict[str, Any]] = {"mse": {}, "rmse": {}, "mae": {}}
ANALYZERS: dict[str, dict[str, Any]] = {
    "bias-ranking": {
        "side": choice("item", "user"),
        "show": whole(1, 9, 0),
        "most_rated": whole(1, 99, 0),
    }
}
SHELVES = {"model": MODELS, "metric": METRICS, "analyzer": ANALYZERS}


@st.composite
def lists(draw: st.DrawFn, kind: str, size: int) -> Items:
    """A list of components; those that come twice have a name."""
    seen: set[str] = set()
    items = []
    for number in range(draw(st.integers(1, size))):
        name = draw(st.sampled_from(sorted(SHELVES[kind])))
        if name in seen or draw(st.booleans()):
            label = text(
                names.map(lambda word, number=number: f"{word}{number}"),
                "",
                "a/b",
                ".x",
                "x ",
                "x" * 81,
                "a\nb",
            )
            item = draw(component(kind, name, {"name": label}, **SHELVES[kind][name]))
            items.append(attrs.evolve(item, needed=("use",)))
        else:
            items.append(draw(named(kind, name) | component(kind, name, **SHELVES[kind][name])))
            seen.add(name)
    wrong = (5, None, {"use": "pmf"}, "words")
    return Items(tuple(items), wrong, ([],) if kind != "analyzer" else ())


def called(item: Any) -> str:
    """What an entry of a list is called."""
    entries = dict(item.entries) if isinstance(item, Table) else {"use": item}
    return str(
        entries["name"].value if "name" in entries else entries["use"].value.rpartition("/")[2]
    )


@st.composite
def claims(draw: st.DrawFn, models: Items, metrics: Items | None) -> Table:
    measured = [*map(called, metrics.items)] if metrics else ["mse", "rmse"]
    needed = {
        "metric": text(st.sampled_from(measured), "nonesuch-zz"),
        draw(st.sampled_from(["at_most", "at_least"])): real(-9, 9).map(
            lambda leaf: attrs.evolve(leaf, wrong=("0.5", True, [1], {"a": 1}))
        ),
    }
    optional = {"part": choice("valid", "test"), "source": text(texts, "a\x1b[2Jb")}
    which = text(st.sampled_from([*map(called, models.items)]), "nonesuch-zz")
    (needed if len(models.items) > 1 else optional)["model"] = which
    return draw(table(needed, optional, wrong=(5, None, True, "words", [1])))


def gradient(models: Items) -> bool:
    return any(
        (item["use"] if isinstance(item, Table) else item).value.rpartition("/")[2]
        in ("pmf", "dot-product")
        for item in models.items
    )


@st.composite
def recipes(draw: st.DrawFn) -> Table:
    models, metrics = draw(lists("model", 4)), draw(st.none() | lists("metric", 3))
    seeds = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4, unique=True).map(
        lambda values: Items(
            tuple(Leaf(value, NO_WHOLE, (-1, 2**32)) for value in values),
            (5, "words", {"a": 1}),
            ([], [3, 3]),
        )
    )
    optional: dict[str, Any] = {
        "title": text(texts, "a\nb", "\x1b[2J"),
        "split": splits,
        "unknown": unknowns,
        "analyzers": lists("analyzer", 2),
        "claims": st.lists(claims(models, metrics), min_size=1, max_size=3).map(
            lambda items: Items(tuple(items))
        ),
        "device": choice("auto", "cpu", "cuda", "mps"),
        draw(st.sampled_from(["seed", "seeds"])): None,
    }
    optional |= {"loss": losses, "train": trains} if gradient(models) else {}
    seed = st.integers(0, 2**32 - 1).map(
        lambda value: Leaf(value, ("3", True, 2.5, [1]), (-1, 2**32))
    )
    optional |= {
        key: {"seed": seed, "seeds": seeds}[key] for key in optional if optional[key] is None
    }
    needed = {"data": sources, "models": st.just(models)}
    made = draw(table(needed, optional))
    if metrics is None:
        return made
    position = draw(st.integers(0, len(made.entries)))
    return attrs.evolve(
        made, entries=(*made.entries[:position], ("metrics", metrics), *made.entries[position:])
    )


styles = st.integers(0, 2**16)


# Accepted


@given(recipes(), styles)
@settings(deadline=None, max_examples=20)
def test_reading_the_resolved_recipe_gives_the_same_recipe(tree: Table, style: int) -> None:
    recipe = read(Page.of(tree, style).text)
    resolved = recipe.resolved()
    again = parse_recipe(resolved, "/elsewhere/resolved.yaml", registry=registry())
    assert again == recipe
    assert again.resolved() == resolved
    assert again.text == resolved


@given(recipes(), styles, styles)
@settings(deadline=None, max_examples=20)
def test_the_style_of_the_text_does_not_matter(tree: Table, first: int, second: int) -> None:
    assert read(Page.of(tree, first).text) == read(Page.of(tree, second).text)


@given(recipes(), styles)
@settings(deadline=None, max_examples=20)
def test_the_resolved_recipe_leaves_nothing_to_defaults(tree: Table, style: int) -> None:
    recipe = read(Page.of(tree, style).text)
    root = yaml.parse(recipe.resolved(), SOURCE)[0].plain()
    assert set(root) == set(KEYS) - {"features", "loss", "train", "seed"}  # each model has its own
    uses = [root["data"], root["split"], *root["models"], *root["metrics"], *root["analyzers"]]
    uses += [model["loss"] for model in root["models"] if "loss" in model]
    uses += [] if root["unknown"] == "error" else [root["unknown"]]
    found = {entry.full_name: entry for kind in KINDS for entry in registry().entries(kind)}
    for use in uses:
        given_names = set(use) - (
            {"use", "name", "loss", "train"} if use in root["models"] else {"use", "name"}
        )
        assert given_names == {each.name for each in parameters(found[use["use"]].component.params)}
    for model in root["models"]:
        assert (
            ("train" in model)
            == ("loss" in model)
            == (model["use"] in ("factors/pmf", "factors/dot-product"))
        )
        assert set(model.get("train", {})) in (
            set(),
            {each.name for each in parameters(TrainSettings)},
        )


@given(recipes(), st.data())
@settings(deadline=None, max_examples=20)
def test_another_value_gives_another_recipe(tree: Table, data: st.DataObject) -> None:
    changeable = ("factors", "epochs", "batch_size", "rounds", "show", "at_most", "at_least")
    paths = [
        path for path, _ in walk(tree) if path and path[-1] in changeable and path[0] != "train"
    ]
    assume(paths)
    path = data.draw(st.sampled_from(paths))
    other = replaced(tree, path, lambda leaf: attrs.evolve(leaf, value=leaf.value + 1))
    first, second = read(Page.of(tree, 0).text), read(Page.of(other, 0).text)
    assert first != second
    assert first.resolved() != second.resolved()


LONG = [
    " ",
    "#",
    "a: b " * 900,
    "a " * 3000 + "b",
    "'" * 300,
    "-\u00a0",
    "\ufeffx",
    "\x85]",
    "a\nb ",
    "\n\n",
    " \u2028 x",
    "a\r\n\tb" * 2000,
    "\x00\x1b",
    "é" * 5000,
    "...",
    "---",
    "%YAML",
    "[",
    "\t",
]


@pytest.mark.parametrize("word", LONG, ids=lambda word: repr(word[:9]))
def test_a_text_that_yaml_must_quote_or_fold_is_the_same_after_resolving(word: str) -> None:
    user, role = json.dumps(word), json.dumps(f"users.{word}")
    data = f"data:\n  use: csv\n  ratings: r\n  user: {user}\n  roles:\n    ? {role}\n    : text\n"
    recipe = read(f"{data}models: [mean]\n")
    again = parse_recipe(recipe.resolved(), SOURCE, registry=registry())
    assert again == recipe
    assert (again.data.params.user, again.data.params.roles) == (word, {f"users.{word}": "text"})
    assert again.resolved() == recipe.resolved()


# Faults

ALL_KEYS = {
    *KEYS,
    *("use", "name"),
    *(each.name for cls in (Heading, Claim, TrainSettings) for each in parameters(cls)),
    *(
        each.name
        for kind in KINDS
        for entry in registry().entries(kind)
        for each in parameters(entry.component.params)
    ),
}


@attrs.frozen
class Fault:
    """One fault: what was done, the faulty tree, and what a message must point to."""

    kind: str
    tree: Table
    at: At
    on_key: bool = False


def dropped(tree: Table) -> Iterator[Fault]:
    for path, node in walk(tree):
        for key in node.needed if isinstance(node, Table) else ():
            without = tuple(entry for entry in node.entries if entry[0] != key)
            yield Fault(
                "dropped",
                replaced(tree, path, lambda table, e=without: attrs.evolve(table, entries=e)),
                path,
            )


def misspellings(key: str) -> list[str]:
    inside = [
        key[:at] + letter + key[at + width :]
        for at in range(len(key))
        for letter, width in (("z", 0), ("z", 1), ("", 1))
    ]
    return [word for word in [*inside, key + "z"] if word not in ALL_KEYS and word]


def misspelt(tree: Table) -> Iterator[Fault]:
    for path, node in walk(tree):
        for key, _ in node.entries if isinstance(node, Table) and not node.free else ():
            for word in misspellings(key)[len(key) % 3 :: len(key)]:
                renamed = tuple(
                    (word if each == key else each, inner) for each, inner in node.entries
                )
                other = replaced(
                    tree, path, lambda table, e=renamed: attrs.evolve(table, entries=e)
                )
                yield Fault("misspelt", other, (*path, word), on_key=True)


def doubled(tree: Table) -> Iterator[Fault]:
    for path, node in walk(tree):
        for position, entry in enumerate(node.entries if isinstance(node, Table) else ()):
            for after in {position + 1, len(node.entries)}:
                entries = (*node.entries[:after], entry, *node.entries[after:])
                other = replaced(
                    tree, path, lambda table, e=entries: attrs.evolve(table, entries=e)
                )
                yield Fault("doubled", other, (*path, entry[0]), on_key=True)


def mistaken(tree: Table) -> Iterator[Fault]:
    for path, node in walk(tree):
        for kind in ("wrong", "outside") if path else ():
            for value in getattr(node, kind, ()):
                yield Fault(kind, replaced(tree, path, lambda _, v=value: as_tree(v)), path)


def forbidden(tree: Table) -> Iterator[Fault]:
    for path, node in walk(tree):
        if isinstance(node, Leaf):
            for word in (
                f"!!str {json.dumps(node.value)}",
                "!!python/name:os.system []",
                f"&x {json.dumps(node.value)}",
                "*x",
            ):
                yield Fault("forbidden", replaced(tree, path, lambda _, w=word: Raw(w)), path)


KINDS_OF_FAULT = (dropped, misspelt, doubled, mistaken, forbidden)


def check_fault(fault: Fault, style: int) -> None:
    """The fault is told at its own place, and nothing else but a missing key that was misspelt."""
    page = Page.of(fault.tree, style)
    problems = reported(page.text)
    place = page.place(fault.at, on_key=fault.on_key)
    assert [problem.place for problem in problems if problem.path == path_text(fault.at)][:1] == [
        place
    ], page.text
    others = [
        str(problem)
        for problem in problems
        if (problem.place, problem.path) != (place, path_text(fault.at))
    ]
    assert not others or (
        fault.kind == "misspelt" and all(" needs " in other for other in others)
    ), (page.text, others)
    assert len(problems) - len(others) == 1


@given(recipes(), styles, st.sampled_from(KINDS_OF_FAULT), st.data())
@settings(deadline=None, max_examples=30)
def test_one_fault_is_reported_at_its_line_and_column_and_nothing_else_is(
    tree: Table, style: int, kind: Callable[[Table], Iterator[Fault]], data: st.DataObject
) -> None:
    faults = list(kind(tree))
    fault = data.draw(st.sampled_from(faults))
    event(f"{fault.kind} at {[step for step in fault.at if isinstance(step, str)][:2]}")
    check_fault(fault, style)


FULL = as_tree(
    {
        "title": "All keys",
        "data": {
            "use": "csv",
            "ratings": "r.csv",
            "roles": {"users.age": "category"},
            "scale": [1, 5],
        },
        "split": {"use": "random", "valid": 0.25, "test": 0.125},
        "loss": {"use": "mse", "range": [0, 5.5]},
        "train": {"epochs": 3, "schedule": "constant"},
        "models": [
            "pmf",
            {"use": "pmf", "name": "wide", "factors": 99, "train": {"epochs": 2}, "loss": "mse"},
            "mean",
        ],
        "metrics": ["mse", {"use": "rmse", "name": "root"}],
        "unknown": {"use": "item-mean", "damping": 2},
        "analyzers": [{"use": "bias-ranking", "side": "user"}],
        "claims": [
            {"metric": "root", "at_most": 1, "model": "wide", "part": "test", "source": "me"}
        ],
        "device": "cpu",
        "seeds": [3, 5],
    }
)


def test_every_key_of_a_full_recipe_is_reported_when_misspelt_doubled_or_forbidden() -> None:
    faults = [
        fault
        for kind in (misspelt, doubled, forbidden)
        for fault in kind(FULL)
        if fault.at[:2] != ("data", "roles")
    ]
    faults += [
        fault
        for kind in (doubled, forbidden)
        for fault in kind(FULL)
        if fault.at[:2] == ("data", "roles")
    ]
    assert not reported(Page.of(FULL, 0).text)
    assert len(faults) > 150
    for style, fault in enumerate(faults):
        check_fault(fault, style)


@given(recipes(), styles, st.data())
@settings(deadline=None, max_examples=25)
def test_several_faults_are_found_in_one_pass_in_file_order(
    tree: Table, style: int, data: st.DataObject
) -> None:
    """Faults in parameters, of which none hides another."""
    paths = [
        path
        for path, node in walk(tree)
        if isinstance(node, Leaf) and node.wrong and isinstance(path[-1], str)
    ]
    paths = [
        path
        for path in paths
        if path[-1] not in ("use", "name") and path[0] != "unknown" and len(path) > 1
    ]
    assume(len(paths) > 1)
    for path in data.draw(st.lists(st.sampled_from(paths), min_size=2, max_size=5, unique=True)):
        tree = replaced(tree, path, lambda leaf: Leaf(leaf.wrong[0], ()))
    wrong = {
        path
        for path, node in walk(tree)
        if isinstance(node, Leaf) and path in paths and not node.wrong
    }
    page = Page.of(tree, style)
    problems = reported(page.text)
    assert {(problem.path, problem.place) for problem in problems} == {
        (path_text(path), page.place(path)) for path in wrong
    }
    places = [(problem.place.line, problem.place.column) for problem in problems if problem.place]
    assert places == sorted(places)  # type: ignore[type-var]


# Messages

LINES = """data: synthetic
models: [pmf]
"""

MESSAGES: list[tuple[str, list[str]]] = [
    # the top
    (
        "seed: 1\n",
        [
            f"1:1: a recipe needs {each}"
            for each in (
                "data: the name of a source, or a table with it under `use`",
                "models: a list of models",
            )
        ],
    ),
    (f"{LINES}modles: [pmf]\n", ["3:1: modles: unknown key of a recipe; did you mean models?"]),
    (
        "data: synthetic\nmodles: [pmf]\n",
        ["2:1: modles: unknown key of a recipe; did you mean models?"],
    ),
    (f"{LINES}zzz: 1\n", ["3:1: zzz: unknown key of a recipe"]),
    (f'{LINES}"a\\e[2J": 1\n', ["3:1: 'a\\x1b[2J': unknown key of a recipe"]),
    ("- data\n", ["1:1: a recipe is a table of keys, such as `data: movielens-100k`"]),
    ("data\n", ["1:1: a recipe is a table of keys, such as `data: movielens-100k`"]),
    ("# nothing\n", ["1:1: the recipe is empty"]),
    (f"{LINES}title: 5\n", ["3:8: title: must be text; is 5"]),
    (
        f"{LINES}title: |\n  two\n  lines\n",
        ["3:8: title: must be one line of text; is 'two\\nlines\\n'"],
    ),
    (
        f"{LINES}device: gpu\n",
        ["3:9: device: must be one of auto, cpu, cuda, mps; is 'gpu'; did you mean cpu?"],
    ),
    (f"{LINES}seed: -1\n", ["3:7: seed: must be at least 0 and at most 4294967295; is -1"]),
    (f"{LINES}seed: '3'\n", ["3:7: seed: must be a whole number; is '3'"]),
    (f"{LINES}seeds: 5\n", ["3:8: seeds: must be a list of whole numbers; is 5"]),
    (f"{LINES}seeds: [1, true]\n", ["3:12: seeds[1]: must be a whole number; is true"]),
    (
        f"{LINES}seeds: [1, 4294967296]\n",
        ["3:12: seeds[1]: must be at least 0 and at most 4294967295; is 4294967296"],
    ),
    (f"{LINES}seeds: []\n", ["3:8: seeds: must be different numbers, at least one; is []"]),
    (
        f"{LINES}seeds: [4, 7, 4]\n",
        ["3:8: seeds: must be different numbers, at least one; is [4, 7, 4]"],
    ),
    (
        f"{LINES}seed: 5\nseeds: [1]\n",
        ["4:8: seeds: cannot be given together with seed; give one of them"],
    ),
    # one component
    (
        f"{LINES}split:\n",
        ["3:1: split: must be the name of a split, or a table with it under `use`; is null"],
    ),
    (
        f"{LINES}split: [random]\n",
        ["3:8: split: must be the name of a split, or a table with it under `use`; is ['random']"],
    ),
    (
        f"{LINES}split: {{valid: 0.3}}\n",
        ["3:8: split: a split needs use: its name (cfplug list splits)"],
    ),
    (
        f"{LINES}split: {{user: random}}\n",
        ["3:9: split.user: unknown key of a split; did you mean use?"],
    ),
    (f"{LINES}split: {{use: 5}}\n", ["3:14: split.use: must be the name of a split; is 5"]),
    (
        f"{LINES}split: radnom\n",
        ['3:8: split: no split called "radnom"; did you mean random? (cfplug list splits)'],
    ),
    (f"{LINES}split: mse\n", ['3:8: split: no split called "mse" (cfplug list splits)']),
    (
        f'{LINES}split: "a\\nb"\n',
        ["3:8: split: must be the name of a split, or a table with it under `use`; is 'a\\nb'"],
    ),
    (
        f"{LINES}split: {{use: random, name: x}}\n",
        ["3:22: split.name: only an entry of a list has a name; leave it out"],
    ),
    (
        f"{LINES}split: {{use: random, valid: 1}}\n",
        ["3:29: split.valid: must be above 0 and below 1; is 1.0"],
    ),
    (
        f"{LINES}split: {{use: random, valid: 0.5, test: 0.5}}\n",
        ["3:8: split: valid and test: must leave something to train; are 0.5 and 0.5"],
    ),
    (
        "data: csv\nmodels: [mean]\n",
        ["1:7: data: csv needs ratings: the file of ratings, one for each row"],
    ),
    (
        "data: {use: csv, ratngs: a}\nmodels: [mean]\n",
        ["1:18: data.ratngs: unknown parameter of csv; did you mean ratings?"],
    ),
    (
        f"{LINES}loss: {{use: mse, range: [5, 1]}}\n",
        ["3:25: loss.range: must go from low to high; is [5.0, 1.0]"],
    ),
    (
        f"{LINES}loss: {{use: mse, range: [1, x]}}\n",
        ["3:29: loss.range[1]: must be a number; is 'x'"],
    ),
    # models
    ("data: synthetic\nmodels: pmf\n", ["2:9: models: must be a list, such as [pmf]; is 'pmf'"]),
    ("data: synthetic\nmodels: {use: pmf}\n", ["2:9: models: must be a list; is {use: 'pmf'}"]),
    ("data: synthetic\nmodels: []\n", ["2:9: models: must have at least one entry"]),
    ("data: synthetic\nmodels:\n", ["2:1: models: must be a list; is null"]),
    (
        "data: synthetic\nmodels: [5]\n",
        ["2:10: models[0]: must be the name of a model, or a table with it under `use`; is 5"],
    ),
    (
        "data: synthetic\nmodels: [{factors: 5}]\n",
        ["2:10: models[0]: a model needs use: its name (cfplug list models)"],
    ),
    (
        "data: synthetic\nmodels: [{usee: pmf}]\n",
        ["2:11: models[0].usee: unknown key of a model; did you mean use?"],
    ),
    (
        "data: synthetic\nmodels: [{use: pmf, factors: true}]\n",
        ["2:30: models[0].factors: must be a whole number; is true"],
    ),
    (
        "data: synthetic\nmodels: [{use: pmf, factors: 3.0}]\n",
        ["2:30: models[0].factors: must be a whole number; is 3.0"],
    ),
    (
        "data: synthetic\nmodels: [{use: pmf, trian: {}}]\n",
        ["2:21: models[0].trian: unknown parameter of pmf; did you mean train?"],
    ),
    (
        "data: synthetic\nmodels: [{use: pmf, name: a/b}]\n",
        ["2:27: models[0].name: must be text that can name a folder; is 'a/b'"],
    ),
    (
        "data: synthetic\nmodels: [{use: pmf, name: 5}]\n",
        ["2:27: models[0].name: must be text that can name a folder; is 5"],
    ),
    (
        "data: synthetic\nmodels: [{use: pmf, name: ..}]\n",
        ["2:27: models[0].name: must be text that can name a folder; is '..'"],
    ),
    (
        "data: synthetic\nmodels: [pmf, mean, pmf]\n",
        ["2:21: models[2]: 'pmf' is also models[0]; give one of them a `name`"],
    ),
    (
        "data: synthetic\nmodels: [{use: pmf, name: wide}, {use: mean, name: Wide}]\n",
        ["2:34: models[1]: 'Wide' is also models[0]; give one of them a `name`"],
    ),
    (
        "data: synthetic\nmodels: [pmf, {use: mean, train: {epochs: 3}, loss: mse}]\n",
        [
            "2:27: models[1].train: mean fits itself and takes no train",
            "2:47: models[1].loss: mean fits itself and takes no loss",
        ],
    ),
    (
        "data: synthetic\nmodels: [mean]\nloss: mse\ntrain: {}\n",
        [
            f"{line}:1: {key}: no model of this recipe learns by gradient"
            for line, key in ((3, "loss"), (4, "train"))
        ],
    ),
    (
        "data: synthetic\nmodels:\n- use: pmf\n  factors: 0\n  train: {epochs: 0}\n  loss: mes\n",
        [
            "4:12: models[0].factors: must be at least 1; is 0",
            "5:19: models[0].train.epochs: must be at least 1; is 0",
            '6:9: models[0].loss: no loss called "mes"; did you mean mse? (cfplug list losses)',
        ],
    ),
    (
        "data: synthetic\nmodels: [{use: pmf, train: 5}]\n",
        ["2:28: models[0].train: must be a table of keys; is 5"],
    ),
    (f"{LINES}train: 5\n", ["3:8: train: must be a table of keys; is 5"]),
    (f"{LINES}train:\n", ["3:1: train: must be a table of keys; is null"]),
    (
        f"{LINES}train: {{epoch: 5}}\n",
        ["3:9: train.epoch: unknown parameter of train; did you mean epochs?"],
    ),
    (
        f"{LINES}train: {{optimizer: adm}}\n",
        ["3:20: train.optimizer: must be one of adam, sgd; is 'adm'; did you mean adam?"],
    ),
    # metrics, the policy, analyzers
    (f"{LINES}metrics: mse\n", ["3:10: metrics: must be a list, such as [mse]; is 'mse'"]),
    (f"{LINES}metrics: []\n", ["3:10: metrics: must have at least one entry"]),
    (
        f"{LINES}metrics: [1, null, [mse]]\n",
        [
            f"3:{column}: metrics[{at}]: must be the name of a metric, or a table with it under "
            f"`use`; is {found}"
            for at, (column, found) in enumerate([(11, 1), (14, "null"), (20, "['mse']")])
        ],
    ),
    (
        f"{LINES}metrics: [mse, mse]\n",
        ["3:16: metrics[1]: 'mse' is also metrics[0]; give one of them a `name`"],
    ),
    (
        f"{LINES}unknown: no\n",
        ['3:10: unknown: no cold-start called "no" (cfplug list cold-starts)'],
    ),
    (f"{LINES}unknown: eror\n", ["3:10: unknown: no policy called 'eror'; did you mean error?"]),
    (
        f"{LINES}unknown: {{damping: 3}}\n",
        ["3:10: unknown: a cold-start needs use: its name (cfplug list cold-starts)"],
    ),
    (
        f"{LINES}analyzers: [5]\n",
        [
            "3:13: analyzers[0]: must be the name of an analyzer, or a table with it under "
            "`use`; is 5"
        ],
    ),
    (
        f"{LINES}analyzers: [{{}}]\n",
        ["3:13: analyzers[0]: an analyzer needs use: its name (cfplug list analyzers)"],
    ),
    (
        f"{LINES}analyzers: [{{use: bias-ranking, models: pmf}}]\n",
        ["3:41: analyzers[0].models: must be a list of texts; is 'pmf'"],
    ),
    (
        f"{LINES}analyzers: [{{use: bias-ranking, models: [pmf, pfm]}}]\n",
        ["3:47: analyzers[0].models[1]: 'pfm' is none of the recipe's models; did you mean pmf?"],
    ),
    # claims
    (
        f'{LINES}claims: [{{metric: mse, at_most: 1, source: "a\\e[2J"}}]\n',
        ["3:44: claims[0].source: must be one line of text; is 'a\\x1b[2J'"],
    ),
    (f"{LINES}claims: 5\n", ["3:9: claims: must be a list; is 5"]),
    (f"{LINES}claims: [5]\n", ["3:10: claims[0]: must be a table of keys; is 5"]),
    (f"{LINES}claims: [{{metric: mse}}]\n", ["3:10: claims[0]: a claim needs at_most or at_least"]),
    (
        f"{LINES}claims: [{{metric: mse, at_mots: 1}}]\n",
        ["3:24: claims[0].at_mots: unknown parameter of a claim; did you mean at_most?"],
    ),
    (
        f"{LINES}claims: [{{metric: mse, at_most: 1, at_least: 0}}]\n",
        [
            "3:46: claims[0].at_least: cannot be given together with at_most; make it a claim of "
            "its own"
        ],
    ),
    (
        f"{LINES}claims: [{{at_most: 1}}]\n",
        ["3:10: claims[0]: a claim needs metric: the name of one of the recipe's metrics"],
    ),
    (
        f"{LINES}claims: [{{metric: mse, at_most: .nan}}]\n",
        ["3:33: claims[0].at_most: must be a finite number; is nan"],
    ),
    (
        f"{LINES}claims: [{{metric: rsme, at_most: 1}}]\n",
        ["3:19: claims[0].metric: 'rsme' is none of the recipe's metrics; did you mean rmse?"],
    ),
    (
        f"{LINES}claims: [{{metric: mse, at_most: 1, model: mean}}]\n",
        ["3:43: claims[0].model: 'mean' is none of the recipe's models"],
    ),
    (
        "data: synthetic\nmodels: [pmf, mean]\nclaims: [{metric: mse, at_most: 1}]\n",
        [
            "3:10: claims[0]: a claim of a recipe with several models names one of them under "
            "`model`: pmf, mean"
        ],
    ),
]


@pytest.mark.parametrize(
    ("text", "messages"), MESSAGES, ids=[messages[0][:60] for _, messages in MESSAGES]
)
def test_a_fault_is_reported_with_place_key_and_advice(text: str, messages: list[str]) -> None:
    assert [str(problem) for problem in reported(text)] == [
        f"{SOURCE}:{message}" for message in messages
    ]


def test_the_messages_are_those_of_the_design() -> None:
    text = """\
# PMF with biases, as in chapter 8 of the fast.ai book
title: PMF on MovieLens 100K
data:
  use: movielens-100k
split:
  use: random
  valid: 0.2
loss:
  use: mse
  range: [0, 5.5]
train:
  epochs: 5
  learning_rate: 5e-3
  weight_decay: 0.1
  batch_size: 64
models:
  - use: pmf
    factor: 50
metrics: [mse, rsme]
analyzers: [bias-ranking]
claims:
  - metric: mse
    at_most: 0.8217
    source: fast.ai book, chapter 8, collab_learner
seed: 42
"""
    with pytest.raises(RecipeError) as raised:
        parse_recipe(text, "recipes/pmf.yaml", registry=registry())
    assert str(raised.value) == (
        "recipes/pmf.yaml:18:5: models[0].factor: unknown parameter of pmf; did you mean factors?\n"
        'recipes/pmf.yaml:19:16: metrics[1]: no metric called "rsme"; did you mean rmse? (cfplug '
        "list metrics)\n"
        "2 problems; nothing was run."
    )


def test_one_problem_is_not_two() -> None:
    with pytest.raises(RecipeError) as raised:
        read("data: synthetic\nmodels: []\n")
    assert (
        str(raised.value)
        == "r.yaml:2:9: models: must have at least one entry\n1 problem; nothing was run."
    )


# What a value may be


def test_values_are_those_of_yaml_1_2() -> None:
    recipe = read(
        "title: no\n"
        "data: "
        "{use: csv, ratings: '3', user: yes, time: 2001-01-01, scale: [1, 5], separator: \"\\t\"}\n"
        "models: [{use: bias, user_damping: 3, rounds: 0x10}]\n"
        "split: {use: random, valid: 2e-1}\n"
    )
    assert recipe.title == "no"
    data: Any = recipe.data.params
    assert (data.ratings.name, data.user, data.time, data.scale) == (
        "3",
        "yes",
        "2001-01-01",
        (1.0, 5.0),
    )
    model: Any = recipe.models[0].use.params
    assert (model.user_damping, type(model.user_damping), model.rounds) == (3.0, float, 16)
    split: Any = recipe.split.params
    assert split.valid == 0.2


def test_what_a_recipe_leaves_out_is_filled_in() -> None:
    recipe = read(LINES)
    assert (recipe.title, recipe.device, recipe.seeds) == ("r", "auto", (42,))
    assert (recipe.split.full_name, [metric.full_name for metric in recipe.metrics]) == (
        "splits/random",
        ["metrics/mse", "metrics/rmse"],
    )
    assert recipe.unknown is not None
    assert recipe.unknown.full_name == "coldstart/item-mean"
    assert recipe.models[0].train == TrainSettings()
    assert recipe.models[0].loss is not None
    assert recipe.models[0].loss.full_name == "losses/mse"
    assert (recipe.analyzers, recipe.claims) == ((), ())


def test_an_entry_of_analyzers_looks_at_all_models_or_at_those_that_it_names() -> None:
    recipe = read(
        "data: synthetic\nmodels: [pmf, bias, {use: pmf, name: other}]\n"
        "analyzers: [bias-ranking, {use: bias-ranking, name: again, models: [other, pmf]}]\n"
    )
    assert [each.models for each in recipe.analyzers] == [
        ("pmf", "bias", "other"),
        ("pmf", "other"),
    ]
    assert [each.looks_at("bias") for each in recipe.analyzers] == [True, False]
    entries = yaml.parse(recipe.resolved(), SOURCE)[0].plain()["analyzers"]
    assert [entry.get("models") for entry in entries] == [None, ["pmf", "other"]]


def test_an_analyzer_that_a_named_model_cannot_serve_is_reported_before_the_run() -> None:
    plugins = with_plugin(
        analyzers=[cfplug.Analyzer("reliability", analyze="a:b", requires="distribution")]
    )
    assert told_by(plugins, f"{LINES}analyzers: [reliability]\n") == []
    assert told_by(plugins, f"{LINES}analyzers: [{{use: reliability, models: [pmf]}}]\n") == [
        "r.yaml:3:13: analyzers[0]: reliability needs a distribution, and the model pmf, with "
        "the loss mse, gives none"
    ]


def test_a_model_that_fits_itself_has_neither_loss_nor_train() -> None:
    recipe = read("data: synthetic\nmodels: [mean, pmf]\ntrain: {epochs: 3}\n")
    assert (recipe.models[0].loss, recipe.models[0].train) == (None, None)
    assert recipe.models[1].train == TrainSettings(epochs=3)


def test_a_model_has_its_own_loss_and_train_in_place_of_those_of_the_recipe() -> None:
    recipe = read(
        "data: synthetic\nloss: {use: mse, range: [0, 6]}\ntrain: {epochs: 3, batch_size: 9}\n"
        "models: [pmf, {use: pmf, name: own, loss: mse, train: {epochs: 7}}]\n"
    )
    losses = [model.loss.params for model in recipe.models if model.loss]
    assert [each.range for each in losses] == [(0.0, 6.0), None]
    assert [model.train for model in recipe.models] == [
        TrainSettings(3, batch_size=9),
        TrainSettings(7),
    ]


@pytest.mark.parametrize("policy", ["error", "{use: error}"])
def test_the_policy_error_is_not_a_component(policy: str) -> None:
    assert read(f"{LINES}unknown: {policy}\n").unknown is None


def test_a_recipe_cannot_be_changed() -> None:
    recipe = read(LINES)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        recipe.title = "other"  # type: ignore[misc]


def test_a_claim_is_met_up_to_its_bound() -> None:
    low, high = Claim("mse", at_least=0.25), Claim("mse", at_most=0.82171234)
    assert [low.met_by(value) for value in (0.2, 0.25, 9)] == [False, True, True]
    assert [high.met_by(value) for value in (-9, 0.82171234, 0.82171235)] == [True, True, False]
    assert not high.met_by(math.nan)
    assert (low.bound(), high.bound()) == ("at least 0.25", "at most 0.82171234")


# Any text


@given(recipes(), styles, st.data())
@settings(deadline=None, max_examples=20)
def test_a_recipe_with_slips_of_the_pen_is_a_recipe_or_an_error(
    tree: Table, style: int, data: st.DataObject
) -> None:
    text = Page.of(tree, style).text
    slips = st.text("ab:-?[]{},&*!|>'\"%@`#\n\t \\.~<=01e\x00\x85\u2028", max_size=3)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(slips) + text[at + data.draw(st.integers(0, 6)) :]
    problems = reported(text)
    event("refused" if problems else "accepted")
    check_places(text, problems)
    if not problems:
        recipe = read(text)
        assert parse_recipe(recipe.resolved(), SOURCE, registry=registry()) == recipe


@given(st.text() | st.text("ab: -[]{},&*!|>'\"%#\n\t\\.~<=01e", max_size=50))
@settings(deadline=None, max_examples=30)
def test_any_text_is_a_recipe_or_an_error(text: str) -> None:
    check_places(text, reported(text))
    check_places(text, reported(f"{LINES}{text}"))


def check_places(text: str, problems: Sequence[Problem]) -> None:
    places = [
        (problem.place.line or 0, problem.place.column or 0)
        for problem in problems
        if problem.place
    ]
    assert len(places) == len(problems)
    assert places == sorted(places)
    assert all(line >= 1 and column >= 1 for line, column in places)
    assert not any(
        "Traceback" in problem.message or "object at 0x" in problem.message for problem in problems
    )


@given(st.binary(max_size=60))
@settings(deadline=None, max_examples=20)
def test_any_bytes_are_a_recipe_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as raised:  # no sixty bytes of chance name a model
        read_recipe(path, registry=registry())
    assert str(raised.value).startswith(str(path))


# Overrides


@given(recipes())
@settings(deadline=None, max_examples=20)
def test_a_recipe_may_be_given_in_overrides_alone(tree: Table) -> None:
    sets = [f"{key}={flowing(node)}" for key, node in tree.entries]
    start = "data: movielens-100k\nmodels: [mean]\n"
    assert read(start, *sets) == read(Page.of(tree, 0).text)


@given(recipes(), styles, st.data())
@settings(deadline=None, max_examples=20)
def test_an_override_is_checked_like_the_file(tree: Table, style: int, data: st.DataObject) -> None:
    faults = {
        fault.at: fault
        for fault in mistaken(tree)
        if not any("." in str(step) for step in fault.at) and fault.at
    }
    fault = faults[data.draw(st.sampled_from(sorted(faults, key=str)))]
    in_file = reported(Page.of(fault.tree, style).text)
    value = functools.reduce(lambda node, step: dict(children(node))[step], fault.at, fault.tree)
    before = data.draw(st.integers(0, 11))
    argument = ".".join(map(str, fault.at)) + "=" + flowing(value)
    problems = reported(Page.of(tree, style).text, *["device=cpu"] * before, argument)
    place = Place(f"--set argument {before + 1}")
    assert [(each.place, each.path, each.message) for each in problems] == [
        (place, each.path, each.message) for each in in_file
    ]


def test_problems_of_overrides_come_after_those_of_the_file_in_the_order_of_the_arguments() -> None:
    sets = ["train.epochs=0", *["device=cpu"] * 8, "nonsense", "train={momentum: 2}"]
    sets[1] = "title='x"
    messages = [str(problem) for problem in reported("data: synthetc\nmodels: [pmf]\n", *sets)]
    assert messages == [
        'r.yaml:1:7: data: no source called "synthetc"; did you mean synthetic? (cfplug list '
        "sources)",
        "--set argument 2: title: not YAML: found unexpected end of stream",
        "--set argument 10: must look like key.path=value; is 'nonsense'",
        "--set argument 11: train.momentum: must be at least 0 and below 1; is 2.0",
    ]


OVERRIDES: list[tuple[list[str], str]] = [
    (
        ["train.epoch=3"],
        "--set argument 1: train.epoch: unknown parameter of train; did you mean epochs?",
    ),
    (["trian.epochs=3"], "--set argument 1: trian: unknown key of a recipe; did you mean train?"),
    (
        ["seed=1", "models.0.factors=x"],
        "--set argument 2: models[0].factors: must be a whole number; is 'x'",
    ),
    (["models.1=mean"], "--set argument 1: models[1]: no such position; models has 1 entry"),
    (["train.batch_size="], "--set argument 1: train.batch_size: must be a whole number; is null"),
    (
        ["data=csv"],
        "--set argument 1: data: csv needs ratings: the file of ratings, one for each row",
    ),
    (
        ["models=[mean]", "loss.range=[0, 6]"],
        "--set argument 2: loss: no model of this recipe learns by gradient",
    ),
    (
        ["metrics.1=rmes"],
        '--set argument 1: metrics[1]: no metric called "rmes"; did you mean rmse? (cfplug list '
        "metrics)",
    ),
    (
        ["seeds=[1]"],
        "--set argument 1: seeds: cannot be given together with seed; give one of them",
    ),
]


@pytest.mark.parametrize(
    ("sets", "message"), OVERRIDES, ids=[message[18:70] for _, message in OVERRIDES]
)
def test_a_faulty_override_is_reported_with_its_argument(sets: list[str], message: str) -> None:
    assert [str(problem) for problem in reported(f"{LINES}seed: 3\n", *sets)] == [message]


def test_an_override_may_change_a_part_of_a_default() -> None:
    recipe = read(
        LINES, "split.valid=0.4", "loss.range=[0, 6]", "metrics.1=mae", "unknown.damping=7"
    )
    split, unknown, loss = recipe.split.params, recipe.unknown, recipe.models[0].loss
    assert split.valid == 0.4
    assert unknown is not None
    assert unknown.params.damping == 7.0
    assert loss is not None
    assert loss.params.range == (0.0, 6.0)
    assert [metric.name for metric in recipe.metrics] == ["mse", "mae"]


def test_an_override_opens_a_model_that_is_named_alone() -> None:
    recipe = read(LINES, "models.0.factors=7", "models[0].name=wide", "train.epochs=2")
    assert (recipe.models[0].name, recipe.models[0].use.params.factors) == ("wide", 7)
    assert recipe.models[0].train == TrainSettings(epochs=2)


# Files


def test_relative_paths_start_from_the_folder_of_the_recipe_or_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    away.mkdir()
    monkeypatch.chdir(away)
    path = home / "mine.yaml"
    path.write_text(
        "data: {use: csv, ratings: data/r.csv, users: /abs/u.csv}\nmodels: [mean]\n",
        encoding="utf-8",
    )
    sets = ["data.items=i.csv"]
    for given_path in (path, Path("../home/mine.yaml")):
        params: Any = read_recipe(given_path, set=sets, registry=registry()).data.params
        assert params.ratings.resolve() == home / "data" / "r.csv"
        assert params.users == Path("/abs/u.csv")
        assert params.items == away / "i.csv"
    whole: Any = read_recipe(
        path, set=["data={use: csv, ratings: r.csv}"], registry=registry()
    ).data.params
    assert whole.ratings == away / "r.csv"


def test_the_title_is_the_name_of_the_file_if_none_is_given(tmp_path: Path) -> None:
    path = tmp_path / "my-recipe.yaml"
    path.write_text(LINES, encoding="utf-8")
    recipe = read_recipe(path, registry=registry())
    assert (recipe.title, recipe.source, recipe.text) == ("my-recipe", str(path), LINES)


def test_a_file_that_cannot_be_read_is_an_error_that_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "pmf.yaml").write_text(LINES, encoding="utf-8")
    (tmp_path / "latin.yaml").write_bytes("title: Füße\n".encode("latin-1"))
    messages = {
        "pfm.yaml": "cannot be read: No such file or directory; did you mean pmf.yaml?",
        "zzz.txt": "cannot be read: No such file or directory",
        ".": "cannot be read: Is a directory",
        "latin.yaml": "not UTF-8 text, at byte 8",
    }
    for name, message in messages.items():
        path = tmp_path / name
        with pytest.raises(RecipeError) as raised:
            read_recipe(path, registry=registry())
        assert str(raised.value) == f"{path}: {message}\n1 problem; nothing was run."


def test_reading_a_recipe_loads_nothing_heavy() -> None:
    code = (
        "import sys, cfplug.recipe.parser\n"
        f"recipe = cfplug.recipe.parser.parse_recipe({Page.of(FULL, 0).text!r}, 'r.yaml')\n"
        "assert recipe.resolved()\n"
        "print(*sorted({'torch', 'fastai', 'pandas', 'numpy', 'pyarrow', 'scipy', 'sklearn'} & "
        "set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# Plugins of others


def with_plugin(**hooks: Sequence[Any]) -> Registry:
    """cfplug's own plugins and one more, called `other`."""
    module = types.ModuleType("other")
    for name, components in hooks.items():
        exec(f"def cfplug_{name}(): return components", {"components": components}, found := {})
        setattr(module, f"cfplug_{name}", cfplug.hookimpl(found[f"cfplug_{name}"]))
    return assemble([*installed(), Candidate("other", "cfplug-other", "1.0", lambda: module)])


def told_by(plugins: Registry, text: str) -> list[str]:
    try:
        parse_recipe(text, SOURCE, registry=plugins)
    except RecipeError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_a_metric_that_the_loss_cannot_serve_is_reported() -> None:
    plugins = with_plugin(
        losses=[cfplug.Loss("levels", build="a:b", provides=["distribution"])],
        metrics=[cfplug.Metric("log-loss", score="a:b", requires=["distribution"])],
    )
    text = "data: synthetic\nmodels: [pmf, mean]\nmetrics: [mse, log-loss]\n"
    assert told_by(plugins, text) == [
        "r.yaml:3:16: metrics[1]: log-loss needs a distribution, and the model pmf, with the "
        "loss mse, gives none",
        "r.yaml:3:16: metrics[1]: log-loss needs a distribution, and the model mean, which fits "
        "itself, gives none",
    ]
    assert told_by(plugins, text.replace(", mean", "") + "loss: levels\n") == []


def test_a_metric_that_one_model_can_serve_is_allowed_but_no_claim_about_another() -> None:
    plugins = with_plugin(
        losses=[cfplug.Loss("levels", build="a:b", provides=["distribution"])],
        metrics=[cfplug.Metric("log-loss", score="a:b", requires=["distribution"])],
    )
    text = "data: synthetic\nloss: levels\nmodels: [pmf, mean]\nmetrics: [mse, log-loss]\nclaims:\n"
    claim = "- {metric: log-loss, model: MODEL, at_most: 1}\n"
    assert told_by(plugins, text + claim.replace("MODEL", "pmf")) == []
    assert told_by(plugins, text + claim.replace("MODEL", "mean")) == [
        "r.yaml:6:3: claims[0]: log-loss needs a distribution, and the model mean, which fits "
        "itself, gives none"
    ]


def test_a_policy_for_unknown_ids_must_serve_the_metrics_too() -> None:
    plugins = with_plugin(
        losses=[cfplug.Loss("levels", build="a:b", provides=["distribution"])],
        metrics=[cfplug.Metric("log-loss", score="a:b", requires=["distribution"])],
        cold_starts=[cfplug.ColdStart("guess", adapt="a:b")],
    )
    text = "data: synthetic\nloss: levels\nmodels: [pmf]\nmetrics: [log-loss]\nunknown: POLICY\n"
    assert told_by(plugins, text.replace("POLICY", "item-mean")) == []
    assert told_by(plugins, text.replace("POLICY", "guess")) == [
        "r.yaml:4:11: metrics[0]: log-loss needs a distribution, and guess, which answers for "
        "unknown ids, gives none"
    ]


def test_a_name_that_two_plugins_give_breaks_only_the_recipe_that_uses_it() -> None:
    plugins = with_plugin(
        losses=[cfplug.Loss("mse", build="a:b")],
        metrics=[cfplug.Metric("rmse", score="a:b")],
        splits=[cfplug.SplitMethod("random", split="a:b")],
        cold_starts=[cfplug.ColdStart("item-mean", adapt="a:b")],
    )
    assert told_by(plugins, LINES) == []
    assert told_by(plugins, f"{LINES}loss: mse\nmetrics: [other/rmse]\n") == [
        "r.yaml:3:7: loss: 2 plugins have a loss called mse; write losses/mse or other/mse"
    ]


def test_a_cold_start_may_be_called_almost_error() -> None:
    plugins = with_plugin(cold_starts=[cfplug.ColdStart("errors", adapt="a:b")])
    assert told_by(plugins, f"{LINES}unknown: errors\n") == []


@attrs.frozen
class Slips:
    depth: int = cfplug.param(3, help="")

    def __attrs_post_init__(self) -> None:
        if self.depth == 0:
            print(1 / self.depth)


def test_a_slip_in_the_rule_of_a_plugin_is_an_error_at_its_entry() -> None:
    plugins = with_plugin(analyzers=[cfplug.Analyzer("slips", Slips, analyze="a:b")])
    assert told_by(plugins, f"{LINES}analyzers: [slips]\n") == []
    assert told_by(plugins, f"{LINES}analyzers: [{{use: slips, depth: 0}}]\n") == [
        "r.yaml:3:13: analyzers[0]: checking slips raised ZeroDivisionError: division by zero"
    ]


def test_a_recipe_without_losses_needs_no_loss_plugin() -> None:
    plugins = load(environment={"CFPLUG_PLUGINS": "-losses"})
    assert told_by(plugins, "data: synthetic\nmodels: [mean]\n") == []
    assert told_by(plugins, LINES) == [
        "r.yaml:1:1: loss: losses/mse needs the plugin losses, which CFPLUG_PLUGINS switches off"
    ]


# One component alone


def test_a_component_can_be_named_alone() -> None:
    use = read_use("source", "synthetic", set=["users=70", "scale=[0, 10]"], registry=registry())
    params: Any = use.params
    assert (use.full_name, params.users, params.scale) == ("tables/synthetic", 70, (0.0, 10.0))


@attrs.frozen
class Parts:
    split: dict[str, int] = cfplug.param(
        {"a": 1}, help="a parameter that is called like a key of recipes"
    )


def test_a_component_alone_knows_nothing_of_the_defaults_of_recipes() -> None:
    plugins = with_plugin(sources=[cfplug.Source("toy", Parts, read="a:b")])
    assert read_use("source", "toy", set=["split.b=3"], registry=plugins).params == Parts({"b": 3})


def test_problems_of_a_single_component_are_reported_like_those_of_a_recipe() -> None:
    with pytest.raises(RecipeError) as raised:
        read_use("source", "csv", set=["ratings=5", "metrics.0=1", "nonsense"], registry=registry())
    assert str(raised.value) == (
        "--set argument 1: ratings: must be a path; is 5\n"
        "--set argument 2: metrics: unknown parameter of csv\n"
        "--set argument 3: must look like key.path=value; is 'nonsense'\n"
        "3 problems; nothing was run."
    )
    with pytest.raises(RecipeError) as raised:
        read_use("source", "csv", registry=registry())
    assert (
        str(raised.value)
        == "csv: csv needs ratings: the file of ratings, one for each row\n1 problem; nothing "
        "was run."
    )
    with pytest.raises(RecipeError) as raised:
        read_use("source", "synthetc", registry=registry())
    assert str(raised.value) == (
        'synthetc: use: no source called "synthetc"; did you mean synthetic? (cfplug list '
        "sources)\n"
        "1 problem; nothing was run."
    )


# Features


TABULAR = "data: synthetic\nmodels: [tabular, pmf]\n"
"""A model that looks at features and one that does not, on the first two lines."""


@pytest.mark.parametrize(
    ("features", "choice"),
    [
        ("{user: [age], item: all, time: [month]}", FeatureChoice(("age",), ("all",), ("month",))),
        (
            "{item: [all], context: [device, mood]}",
            FeatureChoice(item=("all",), context=("device", "mood")),
        ),
        ("all", FeatureChoice(("all",), ("all",), ("all",), ("all",))),
        ("{}", FeatureChoice()),
    ],
)
def test_features_are_read_and_survive_the_resolved_recipe(
    features: str, choice: FeatureChoice
) -> None:
    recipe = read(f"{TABULAR}features: {features}\n")
    assert [model.features for model in recipe.models] == [choice, None]
    assert [model.features for model in read(recipe.resolved()).models] == [choice, None]
    assert read(f"{TABULAR}\n", f"features={features}").models == recipe.models


def test_without_features_a_model_that_could_look_at_some_sees_ids_alone() -> None:
    assert [model.features for model in read(TABULAR).models] == [FeatureChoice(), None]


def test_a_model_has_its_own_features_in_place_of_those_of_the_recipe() -> None:
    text = """\
data: synthetic
features: {item: all}
models:
  - {use: tabular, features: {user: [age]}}
  - {use: tabular, name: second}
  - {use: tabular, name: third, features: all}
"""
    first, second, third = (model.features for model in read(text).models)
    assert (first, second) == (FeatureChoice(user=("age",)), FeatureChoice(item=("all",)))
    assert third == FeatureChoice(("all",), ("all",), ("all",), ("all",))


def test_a_model_that_fits_itself_may_look_at_features_of_users_and_items() -> None:
    text = """\
data: synthetic
features: {user: [age], item: all, time: [hour], context: all}
models:
  - tabular
  - rlfm
  - {use: rlfm, name: every, features: all}
  - {use: rlfm, name: own, features: {user: [job], time: []}}
  - {use: rlfm, name: none, features: {}}
"""
    recipe = read(text)
    assert [model.features for model in recipe.models] == [
        FeatureChoice(("age",), ("all",), ("hour",), ("all",)),
        FeatureChoice(("age",), ("all",)),
        FeatureChoice(("all",), ("all",)),
        FeatureChoice(("job",)),
        FeatureChoice(),
    ]
    assert [model.train is None for model in recipe.models] == [False, True, True, True, True]
    assert parse_recipe(recipe.resolved(), SOURCE, registry=registry()) == recipe
    assert read("data: synthetic\nmodels: [rlfm]\nfeatures: {item: all}\n").models[
        0
    ].features == FeatureChoice(item=("all",))


@pytest.mark.parametrize(
    ("sets", "choice"),
    [
        (["features.user=[age]"], FeatureChoice(user=("age",))),
        (
            ["features.user=all", "features.time=[hour]"],
            FeatureChoice(user=("all",), time=("hour",)),
        ),
        (["models.0.features.item=all"], FeatureChoice(item=("all",))),
    ],
)
def test_an_override_may_name_features(sets: list[str], choice: FeatureChoice) -> None:
    assert read(TABULAR, *sets).models[0].features == choice


OF_IDS = "a model that fits itself uses features of users and items alone"
PARTS_OF_TIME = "all, year, month, day-of-week, hour, elapsed, item-age"


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("{user: age}", "r.yaml:3:18: features.user: must be a list of texts; is 'age'"),
        ("{user: null}", "r.yaml:3:18: features.user: must be a list of texts; is null"),
        ("{user: [3]}", "r.yaml:3:19: features.user[0]: must be text; is 3"),
        (
            "{users: [age]}",
            "r.yaml:3:12: features.users: unknown parameter of features; did you mean user?",
        ),
        (
            "{time: [month, hours]}",
            f"r.yaml:3:26: features.time[1]: must be one of {PARTS_OF_TIME}; is 'hours'; did you "
            "mean hour?",
        ),
        (
            "{user: [all, age]}",
            "r.yaml:3:18: features.user: all must be the only entry; is ['all', 'age']",
        ),
        (
            "{item: [year, year]}",
            "r.yaml:3:18: features.item: names a column twice; is ['year', 'year']",
        ),
        ("{user: [age], user: all}", "r.yaml:3:25: features.user: given twice; first on line 3"),
        ("[age]", "r.yaml:3:11: features: must be a table of keys, or all; is ['age']"),
        ("every", "r.yaml:3:11: features: must be a table of keys, or all; is 'every'"),
        ("null", "r.yaml:3:11: features: must be a table of keys, or all; is null"),
    ],
)
def test_faults_of_features_are_reported_at_their_place(features: str, message: str) -> None:
    assert [*map(str, reported(f"{TABULAR}features: {features}\n"))] == [message]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "models: [pmf]\nfeatures: all\n",
            ["r.yaml:3:1: features: no model of this recipe uses features"],
        ),
        (
            "models: [bias, mean]\nfeatures: {user: [age]}\n",
            ["r.yaml:3:1: features: no model of this recipe uses features"],
        ),
        (
            "models: [{use: pmf, features: all}]\n",
            ["r.yaml:2:21: models[0].features: pmf uses no features"],
        ),
        (
            "models: [{use: bias, features: all}]\n",
            ["r.yaml:2:22: models[0].features: bias fits itself and takes no features"],
        ),
        (
            "models: [{use: rlfm, loss: mse, features: {user: all, time: [hour], context: all}}]\n",
            [
                "r.yaml:2:22: models[0].loss: rlfm fits itself and takes no loss",
                f"r.yaml:2:55: models[0].features.time: {OF_IDS}",
                f"r.yaml:2:69: models[0].features.context: {OF_IDS}",
            ],
        ),
        (
            "models: [rlfm, pmf]\nfeatures: {user: all, time: all}\n",
            [f"r.yaml:3:23: features.time: {OF_IDS}"],
        ),
        (
            "models: [{use: rlfm, features: {time: 3}}]\n",
            ["r.yaml:2:39: models[0].features.time: must be a list of texts; is 3"],
        ),
        (
            "models: [{use: tabular, features: {time: [hour, age]}}]\n",
            [f"r.yaml:2:49: models[0].features.time[1]: must be one of {PARTS_OF_TIME}; is 'age'"],
        ),
        (
            "models: [tabluar]\nfeatures: all\n",
            [
                'r.yaml:2:10: models[0]: no model called "tabluar"; did you mean tabular? '
                "(cfplug list models)"
            ],
        ),
        (
            "models: [tabular]\nfeaturs: all\n",
            ["r.yaml:3:1: featurs: unknown key of a recipe; did you mean features?"],
        ),
    ],
)
def test_features_that_no_model_uses_are_reported(text: str, messages: list[str]) -> None:
    assert [*map(str, reported(f"data: synthetic\n{text}"))] == messages


# Metrics that need a distribution


@pytest.mark.parametrize("unknown", ["error", "item-mean", "global-mean"])
@pytest.mark.parametrize("loss", ["cross-entropy", "ordinal"])
def test_a_metric_that_needs_a_distribution_is_accepted_where_there_is_one(
    loss: str, unknown: str
) -> None:
    text = f"data: synthetic\nmodels: [pmf]\nloss: {loss}\nunknown: {unknown}\n"
    text += "metrics: [nll, accuracy, ece, rps]\n"
    assert reported(text) == []


# Newcomers

ON_NEWCOMERS = """data: synthetic
models: [mean, pmf]
cold_starts: [global-mean, {use: item-mean, name: shrunk}]
reveal: [0, 3]
"""


def test_strategies_on_newcomers_are_read_with_what_is_revealed() -> None:
    recipe = read(
        f"{ON_NEWCOMERS}claims: "
        f"[{{metric: rmse, model: pmf, cold_start: shrunk, revealed: 3, at_most: 1}}]\n"
    )
    assert [use.name for use in recipe.cold_starts] == ["global-mean", "shrunk"]
    assert recipe.reveal == (0, 3)
    assert recipe.claims == (
        Claim("rmse", at_most=1, model="pmf", cold_start="shrunk", revealed=3),
    )
    again = read(recipe.resolved())
    assert (again.cold_starts, again.reveal, again.claims) == (
        recipe.cold_starts,
        recipe.reveal,
        recipe.claims,
    )


def test_no_user_is_new_unless_the_recipe_says_so() -> None:
    assert (read(LINES).cold_starts, read(LINES).reveal) == ((), (0, 1, 3, 5, 10))


@pytest.mark.parametrize(
    ("lines", "messages"),
    [
        (
            "cold_starts: [item-meen]",
            [
                '5:15: cold_starts[0]: no cold-start called "item-meen"; did you mean item-mean? '
                "(cfplug list cold-starts)"
            ],
        ),
        (
            "cold_starts: [item-mean, item-mean]",
            ["5:26: cold_starts[1]: 'item-mean' is also cold_starts[0]; give one of them a `name`"],
        ),
        (
            "reveal: []",
            ["5:9: reveal: must be different numbers in rising order, at least one; is []"],
        ),
        (
            "reveal: [3, 1]",
            ["5:9: reveal: must be different numbers in rising order, at least one; is [3, 1]"],
        ),
        (
            "reveal: [1, 1]",
            ["5:9: reveal: must be different numbers in rising order, at least one; is [1, 1]"],
        ),
        ("reveal: [0, -1]", ["5:13: reveal[1]: must be at least 0; is -1"]),
        ("reveal: [0.5]", ["5:10: reveal[0]: must be a whole number; is 0.5"]),
    ],
)
def test_a_fault_in_a_cold_start_trial_is_reported_at_its_place(
    lines: str, messages: list[str]
) -> None:
    key = lines.partition(":")[0]
    kept = [line for line in ON_NEWCOMERS.splitlines() if not line.startswith(key)]
    text = "\n".join([*kept, *["#"] * (4 - len(kept)), lines, ""])
    assert [str(problem) for problem in reported(text)] == [
        f"{SOURCE}:{message}" for message in messages
    ]


@pytest.mark.parametrize(
    ("claim", "messages"),
    [
        (
            "{metric: rmse, model: pmf, cold_start: shrunken, at_most: 1}",
            [
                "claims[0].cold_start: 'shrunken' is none of the recipe's cold_starts; did you "
                "mean shrunk?"
            ],
        ),
        (
            "{metric: mse, model: pmf, cold_start: shrunk, at_most: 1}",
            ["claims[0].metric: 'mse' is none of the recipe's metrics; did you mean rmse?"],
        ),
        (
            "{metric: rmse, model: pmf, cold_start: shrunk, revealed: 5, at_most: 1}",
            ["claims[0].revealed: 5 is not among what is revealed: 0, 3"],
        ),
        (
            "{metric: rmse, model: pmf, cold_start: shrunk, part: test, at_most: 1}",
            [
                "claims[0].cold_start: is measured on the valid part of all folds together; "
                "leave out fold and part",
            ],
        ),
        (
            "{metric: mse, model: pmf, revealed: 3, at_most: 1}",
            ["claims[0].revealed: needs cold_start, the name of the strategy"],
        ),
    ],
)
def test_a_fault_in_a_cold_start_claim_is_reported_at_its_key(
    claim: str, messages: list[str]
) -> None:
    problems = reported(f"{ON_NEWCOMERS}claims: [{claim}]\n")
    assert [f"{problem.path}: {problem.message}" for problem in problems] == messages


def test_a_claim_on_newcomers_needs_strategies() -> None:
    (problem,) = reported(f"{LINES}claims: [{{metric: rmse, cold_start: shrunk, at_most: 1}}]\n")
    assert (problem.path, problem.message) == (
        "claims[0].cold_start",
        "the recipe has no cold_starts",
    )


def test_a_strategy_must_fit_one_of_the_models_and_that_of_unknown_ids_all_of_them() -> None:
    plugins = with_plugin(
        cold_starts=[cfplug.ColdStart("folds", adapt="a:b", requires=["vectors"])]
    )
    text = "data: synthetic\nmodels: MODELS\nKEY: VALUE\n"

    def messages(models: str, key: str, value: str) -> list[str]:
        return told_by(
            plugins, text.replace("MODELS", models).replace("KEY", key).replace("VALUE", value)
        )

    why = "folds needs vectors, and the model mean, which fits itself, gives none"
    assert messages("[mean, pmf]", "cold_starts", "[global-mean, folds]") == []
    assert messages("[mean]", "cold_starts", "[global-mean, folds]") == [
        f"r.yaml:3:28: cold_starts[1]: {why}"
    ]
    assert messages("[pmf]", "unknown", "folds") == []
    assert messages("[pmf, mean]", "unknown", "folds") == [f"r.yaml:3:10: unknown: {why}"]


# Recipes and overrides from Python

MAPPING: dict[str, Any] = {"data": "synthetic", "models": [{"use": "pmf", "factors": 3}]}


def test_a_mapping_is_the_same_recipe_as_its_text() -> None:
    recipe = read_recipe(MAPPING, registry=registry())
    assert recipe == attrs.evolve(read(recipe.text), title="recipe")
    assert (recipe.source, recipe.title) == ("recipe", "recipe")
    assert yaml.parse(recipe.text, SOURCE)[0].plain() == MAPPING


@given(recipes())
@settings(deadline=None, max_examples=15)
def test_any_recipe_may_be_a_mapping(tree: Table) -> None:
    text = Page.of(tree, 0).text
    plain = {"title": "t", **yaml.parse(text, SOURCE)[0].plain()}
    again = read_recipe(plain, registry=registry())
    assert parse_recipe(again.text, "recipe", registry=registry()) == again


def test_a_mapping_may_hold_tuples_paths_and_numbers_of_numpy() -> None:
    data = {"use": "csv", "ratings": Path("r.csv"), "scale": (np.float32(1), np.int64(5))}
    recipe = read_recipe({"data": data, "models": ("mean",)}, registry=registry())
    params: Any = recipe.data.params
    assert (params.ratings, params.scale) == (Path.cwd() / "r.csv", (1.0, 5.0))


def deep(levels: int) -> Any:
    return functools.reduce(lambda inner, _: [inner], range(levels), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modles": 1}, "recipe: modles: unknown key of a recipe; did you mean models?"),
        ({"seed": "3"}, "recipe: seed: must be a whole number; is '3'"),
        (
            {"train": {"epoch": 3}},
            "recipe: train.epoch: unknown parameter of train; did you mean epochs?",
        ),
        ({"train": {3: 1}}, "recipe: train: a key is text; is 3"),
        (
            {"train": {"epochs": {1}}},
            "recipe: train.epochs: must be text, a number, a boolean, None, a list or a mapping; "
            "is a set",
        ),
        ({"title": "\ud800"}, "recipe: title: half of a surrogate pair is not text"),
        ({"seed": 10**40}, "recipe: seed: a number of more than 40 digits"),
        ({"models": deep(30)}, f"recipe: models{'[0]' * 20}: nested too deeply; at most 20 levels"),
    ],
)
def test_a_fault_in_a_mapping_names_the_dotted_key(changes: Any, message: str) -> None:
    with pytest.raises(RecipeError) as raised:
        read_recipe({**MAPPING, **changes}, registry=registry())
    assert message in [str(problem) for problem in raised.value.problems]


def test_overrides_are_python_values_under_dotted_keys() -> None:
    values = {"train.epochs": 2, "models.0.name": "3", "loss.range": (0, 6), "split.valid": 0.5}
    recipe = read_recipe(MAPPING, overrides=values, set=["train.epochs=4"], registry=registry())
    (model,) = recipe.models
    assert (model.name, model.train) == ("3", TrainSettings(epochs=4))
    assert model.loss is not None
    assert model.loss.params.range == (0.0, 6.0)
    assert recipe.split.params.valid == 0.5
    assert "epochs" not in recipe.text


def test_faults_in_overrides_come_between_those_of_the_recipe_and_of_arguments() -> None:
    overrides = {"train.epochs": "2", "models.1": "mean", "": 1, "seed": object}
    with pytest.raises(RecipeError) as raised:
        read_recipe(
            {**MAPPING, "devise": "cpu"},
            overrides=overrides,
            set=["train.momentum=x"],
            registry=registry(),
        )
    assert [str(problem) for problem in raised.value.problems] == [
        "recipe: devise: unknown key of a recipe; did you mean device?",
        "overrides: models[1]: no such position; models has 1 entry",
        "overrides: must be a dotted key, such as train.epochs; is ''",
        "overrides: seed: must be text, a number, a boolean, None, a list or a mapping; is a type",
        "overrides: train.epochs: must be a whole number; is '2'",
        "--set argument 1: train.momentum: must be a number; is 'x'",
    ]


def test_a_recipe_may_be_the_name_of_a_built_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_recipe("pmf", registry=registry()).source == str(builtin.find("pmf"))
    with pytest.raises(cfplug.CfplugError, match="no recipe called pmff; did you mean pmf"):
        read_recipe("pmff", registry=registry())
    (tmp_path / "pmf").write_text(LINES, encoding="utf-8")
    assert read_recipe("pmf", registry=registry()).source == "pmf"
