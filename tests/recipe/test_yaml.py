"""YAML text with the place of everything in it, read safely; and overrides."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug.errors import Place, RecipeError
from cfplug.recipe.yaml import REFUSED, Node, override, parse, path_text

texts = st.text(max_size=12).filter(
    lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text)
)
keys = texts.filter(lambda text: len(text) < 10)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def read(text: str) -> Node:
    """The document in `text`, which has nothing that a recipe may not have."""
    root, problems = parse(text, "x.yaml")
    assert problems == []
    return root


def reported(text: str) -> list[str]:
    """What is wrong with `text`, line by line."""
    try:
        _, problems = parse(text, "x.yaml")
    except RecipeError as error:
        return [str(problem) for problem in error.problems]
    return [str(problem) for problem in problems]


# Values


@given(trees, st.sampled_from([None, 0, 2]))
@settings(deadline=None, max_examples=60)
def test_json_is_read_as_json_reads_it(tree: Any, indent: int | None) -> None:
    plain = read(json.dumps(tree, indent=indent)).plain()
    assert json.dumps(plain) == json.dumps(tree)  # as text, so that 1, 1.0 and true are not equal


SCALARS: list[tuple[str, Any]] = [
    ("5e-3", 5e-3),
    ("5E3", 5e3),
    (".5", 0.5),
    (".5e3", 500.0),
    ("-1.", -1.0),
    ("3", 3),
    ("+3", 3),
    ("08", 8),
    ("-12", -12),
    ("0o17", 15),
    ("0xfF", 255),
    (".inf", math.inf),
    ("-.Inf", -math.inf),
    ("true", True),
    ("FALSE", False),
    ("null", None),
    ("~", None),
    ("Null", None),
    ("no", "no"),
    ("yes", "yes"),
    ("on", "on"),
    ("Y", "Y"),
    ("tRUE", "tRUE"),
    ("1_000", "1_000"),
    ("0b11", "0b11"),
    ("0o9", "0o9"),
    ("-0x1f", "-0x1f"),
    ("1:30", "1:30"),
    ("2001-01-01", "2001-01-01"),
    ("inf", "inf"),
    ("e5", "e5"),
    ("1e", "1e"),
    ("=", "="),
    ("<<", "<<"),
    ("'3'", "3"),
    ('"true"', "true"),
    ("''", ""),
    ('"\\uD83D\\uDE00"', "😀"),
    ("'it''s'", "it's"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS, ids=[text for text, _ in SCALARS])
def test_a_scalar_is_what_yaml_1_2_says(text: str, value: Any) -> None:
    found = read(f"a: {text}\n").plain()["a"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_read_too() -> None:
    assert math.isnan(read("a: .nan").plain()["a"])


@given(texts)
@settings(deadline=None, max_examples=60)
def test_a_quoted_value_is_always_text(text: str) -> None:
    assert read(json.dumps(text)).value == text
    single = text.replace("'", "''")
    if text.isprintable():
        assert read(f"'{single}'").value == text


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?([eE][-+]?[0-9]{1,3})?", fullmatch=True))
@settings(deadline=None, max_examples=50)
def test_a_number_of_json_is_the_same_number_in_a_recipe(word: str) -> None:
    found, number = read(f"[{word}]").plain()[0], json.loads(word)
    assert (found, type(found)) == (number, type(number))


# Places


@given(trees, st.integers(0, 3))
@settings(deadline=None, max_examples=40)
def test_every_value_and_key_has_its_true_place(tree: Any, blank: int) -> None:
    text = "\n" * blank + json.dumps(tree, indent=2)
    lines = text.split("\n")

    def rest(place: Place) -> str:
        assert place.line is not None
        assert place.column is not None
        return lines[place.line - 1][place.column - 1 :]

    def check(node: Node, value: Any) -> None:
        assert rest(node.place).startswith(json.dumps(value, indent=2).split("\n")[0][:1])
        if isinstance(value, dict):
            for key, inner in value.items():
                assert rest(node.keys[key]).startswith(f"{json.dumps(key)}: ")
                check(node.value[key], inner)
        elif isinstance(value, list):
            for item, inner in zip(node.value, value, strict=True):
                check(item, inner)
        else:
            assert rest(node.place).rstrip(",") == json.dumps(value)

    check(read(text), tree)


def test_places_are_lines_and_columns_from_one() -> None:
    root = read("# first\na: 1\nb:\n  - c: x\n    d: [5, 6]\n")
    assert root.place == Place("x.yaml", 2, 1)
    assert root.place_of(("b",), on_key=True) == Place("x.yaml", 3, 1)
    assert root.place_of(("b", 0)) == Place("x.yaml", 4, 5)
    assert root.place_of(("b", 0, "d")) == Place("x.yaml", 5, 8)
    assert root.place_of(("b", 0, "d"), on_key=True) == Place("x.yaml", 5, 5)
    assert root.place_of(("b", 0, "d", 1)) == Place("x.yaml", 5, 12)


def test_the_place_of_what_is_not_there_is_that_of_what_lacks_it() -> None:
    root = read("a: 1\nb:\n  - c: x\n")
    assert root.place_of(("b", 0, "e", "f")) == root.place_of(("b", 0)) == Place("x.yaml", 3, 5)
    assert root.place_of(("b", 7), on_key=True) == root.place_of(("b",)) == Place("x.yaml", 3, 3)


def test_a_missing_value_has_the_place_of_its_key() -> None:
    root = read("a:\n\n# c\nb: {c: , d}\n")
    assert root.plain() == {"a": None, "b": {"c": None, "d": None}}
    assert root.place_of(("a",)) == Place("x.yaml", 1, 1)
    assert root.place_of(("b", "c")) == Place("x.yaml", 4, 5)
    assert root.place_of(("b", "d")) == Place("x.yaml", 4, 10)


def test_a_byte_order_mark_and_carriage_returns_shift_nothing() -> None:
    root = read("\ufeffa: 1\r\nb: 2\r\n")
    assert root.plain() == {"a": 1, "b": 2}
    assert root.place_of(("b",)) == Place("x.yaml", 2, 4)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("models", 0, "factors"), "models[0].factors"),
        ((0, 1), "[0][1]"),
        (("a", "b\x1b[2J"), r"a.'b\x1b[2J'"),
    ],
)
def test_a_path_in_words(path: tuple[str | int, ...], text: str) -> None:
    assert path_text(path) == text


# What a recipe may not have

FORBIDDEN: list[tuple[str, list[str]]] = [
    ("a: &b 1\n", ["x.yaml:1:4: a: anchors and aliases are not allowed; write the value out"]),
    (
        "a: &b [1]\nc: *b\n",
        [
            "x.yaml:1:4: a: anchors and aliases are not allowed; write the value out",
            "x.yaml:2:4: c: anchors and aliases are not allowed; write the value out",
        ],
    ),
    (
        "&a [*a]",
        [
            f"x.yaml:1:{at}anchors and aliases are not allowed; write the value out"
            for at in ("1: ", "5: [0]: ")
        ],
    ),
    (
        "a: !!python/object/apply:os.system [ls]\n",
        ["x.yaml:1:4: a: tags are not allowed; write the plain value"],
    ),
    ("a: !!int 3\n", ["x.yaml:1:4: a: tags are not allowed; write the plain value"]),
    ("a: !!set {b}\n", ["x.yaml:1:4: a: tags are not allowed; write the plain value"]),
    ("a: ! b\n", ["x.yaml:1:4: a: tags are not allowed; write the plain value"]),
    ("!!str a: 1\n", ["x.yaml:1:1: tags are not allowed; write the plain value"]),
    ("*a : 1\n", ["x.yaml:1:1: anchors and aliases are not allowed; write the value out"]),
    ("a: 1\nb: 2\n'a': 3\n", ["x.yaml:3:1: a: given twice; first on line 1"]),
    (
        "a: 1\na: 2\na: 3\n",
        [f"x.yaml:{line}:1: a: given twice; first on line 1" for line in (2, 3)],
    ),
    ("a: {b: 1, b: 1}\n", ["x.yaml:1:11: a.b: given twice; first on line 1"]),
    (
        "a: 1\na: {c: 1, c: 2}\n",
        [
            "x.yaml:2:11: a.c: given twice; first on line 2",
            "x.yaml:2:1: a: given twice; first on line 1",
        ],
    ),
    ("a: {1: 2}\n", ["x.yaml:1:5: a: a key is text; is 1"]),
    ("null: 2\n", ["x.yaml:1:1: a key is text; is null"]),
    ("? [a, {b: c}]\n: 2\nd: 3\n", ["x.yaml:1:3: a key is text; is a table or a list"]),
    ("a: " + "9" * 41, ["x.yaml:1:4: a: a number of more than 40 digits"]),
    ('a: "\\uD800"', ["x.yaml:1:4: a: half of a surrogate pair is not text"]),
    (
        "%YAML 1.1\n---\na: yes\n",
        ["x.yaml:2:1: a recipe is YAML 1.2; leave out the line with %YAML"],
    ),
    ("a: 1\n---\nb: 2\n", ["x.yaml:2:1: a recipe is one document; here begins another"]),
    ("- " * 30 + "a", ["x.yaml:1:43: " + "[0]" * 21 + ": nested too deeply; at most 20 levels"]),
    ("? " * 30 + "a", ["x.yaml:1:3: a key is text; is a table or a list"]),
    ("a: [1\n", ["x.yaml:2:1: not YAML: expected ',' or ']', but got '<stream end>'"]),
    (
        "a:\n\tb: 1\n",
        [
            "x.yaml:2:1: not YAML: found character '\\t' that cannot start any token; write "
            "spaces, not tabs"
        ],
    ),
    ("a: 'b\n", ["x.yaml:2:1: not YAML: found unexpected end of stream"]),
    ("a: 1\nb: \x00\n", ["x.yaml:2:4: not YAML: it may not hold '\\x00'"]),
    ("\x07", ["x.yaml:1:1: not YAML: it may not hold '\\x07'"]),
    ("a: b: c\n", ["x.yaml:1:5: not YAML: mapping values are not allowed here"]),
    (
        "%YAML 9.9\n---\na: 1\n",
        ["x.yaml:1:1: not YAML: found incompatible YAML document (version 1.* is required)"],
    ),
]


@pytest.mark.parametrize(
    ("text", "messages"), FORBIDDEN, ids=[repr(text[:30]) for text, _ in FORBIDDEN]
)
def test_what_a_recipe_may_not_have_is_reported_at_its_place(
    text: str, messages: list[str]
) -> None:
    assert reported(text) == messages


BOMB = "a: &a [x, x]\n" + "".join(
    f"{after}: &{after} [*{before}, *{before}]\n"
    for before, after in itertools.pairwise("abcdefghi")
)


def test_a_bomb_of_aliases_does_not_go_off() -> None:
    root, problems = parse(BOMB, "x.yaml")
    assert len(problems) == 9 + 16
    assert len(json.dumps(root.plain(), default=repr)) < 400


def test_a_tag_constructs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    root, problems = parse("a: !!python/object/apply:builtins.print [boom]\n", "x.yaml")
    assert root.plain() == {"a": REFUSED}
    assert len(problems) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null", "\n\n"], ids=repr)
def test_a_document_without_a_value_is_null(text: str) -> None:
    assert read(text).value is None


YAML_LETTERS = st.text(
    "ab:-?[]{},&*!|>'\"%@`#\n\t \\.~<=0159eE+_xo\0\x85\u2028\ufeff\ud800é", max_size=40
)


@given(st.text() | YAML_LETTERS)
@settings(deadline=None, max_examples=200)
def test_no_text_crashes_the_reader(text: str) -> None:
    try:
        _, problems = parse(text, "x.yaml")
    except RecipeError as error:
        problems = list(error.problems)
        assert problems
    lines = text.count("\n") + text.count("\r") + sum(map(text.count, "\x85\u2028\u2029")) + 1
    for problem in problems:
        assert problem.place is not None
        assert problem.place.source == "x.yaml"
        assert 1 <= (problem.place.line or 0) <= lines
        assert (problem.place.column or 0) >= 1


HOSTILE = {
    "brackets": "[" * 3000,
    "braces": "{a: " * 3000,
    "dashes": "- " * 5000,
    "questions": "? " * 5000,
    "staircase": "".join(" " * depth + "a:\n" for depth in range(900)),
    "digits": "a: " + "9" * 100_000,
    "decimals": "a: 1." + "0" * 100_000,
    "exponent": "a: 1e" + "9" * 5000,
    "quotes": "'" * 9999,
    "one long word": "x" * 200_000,
    "directives": "%A\n" * 2000,
    "lines": "\n" * 50_000 + "[",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_an_error_or_a_value(text: str) -> None:
    assert reported(text) or read(text) is not None


# Overrides

ARGUMENT = Place("--set argument 1")
steps = st.text("abcdef", min_size=1, max_size=3)


@given(
    st.dictionaries(steps, st.dictionaries(steps, scalars, max_size=3), max_size=3),
    st.lists(steps, min_size=1, max_size=3),
    trees,
)
@settings(deadline=None, max_examples=50)
def test_an_override_changes_what_it_names_and_nothing_else(
    tree: dict[str, Any], path: list[str], value: Any
) -> None:
    before = read(json.dumps(tree, indent=1))
    after = override(before, f"{'.'.join(path)}={json.dumps(value)}", ARGUMENT)

    def check(node: Node, old: Node | None, rest: list[str]) -> None:
        if not rest:
            assert json.dumps(node.plain()) == json.dumps(value)
            assert everywhere(node) == {ARGUMENT}
            return
        others = old.value if old is not None and isinstance(old.value, dict) else {}
        if old is not None and isinstance(old.value, str):
            others = {"use": Node(old.value, old.place)}
        assert set(node.value) == {*others, rest[0]}
        assert all(node.value[key] == others[key] for key in others if key != rest[0])
        check(node.value[rest[0]], others.get(rest[0]), rest[1:])

    check(after, before, path)


def everywhere(node: Node) -> set[Place]:
    """Every place within `node`."""
    inner = (
        node.value.values()
        if isinstance(node.value, dict)
        else node.value
        if isinstance(node.value, tuple)
        else ()
    )
    return {node.place, *node.keys.values()}.union(*map(everywhere, inner))


def test_an_override_reaches_into_lists_and_opens_names() -> None:
    root = read("models: [pmf, {use: pmf, name: wide}]\ntrain: {epochs: 5}\nloss: mse\n")
    root = override(root, "models.0.factors=20", ARGUMENT)
    root = override(root, "models[1].factors=0x50", ARGUMENT)
    root = override(root, "loss.range=[0, 5.5] # wide", ARGUMENT)
    root = override(root, "train.epochs=", ARGUMENT)
    assert root.plain() == {
        "models": [{"use": "pmf", "factors": 20}, {"use": "pmf", "name": "wide", "factors": 80}],
        "train": {"epochs": None},
        "loss": {"use": "mse", "range": [0, 5.5]},
    }
    assert root.place_of(("models", 0, "use")) == Place("x.yaml", 1, 10)
    assert (
        root.place_of(("models", 0, "factors")) == root.place_of(("loss", "range", 1)) == ARGUMENT
    )


BAD_OVERRIDES: list[tuple[str, str]] = [
    ("", "must look like key.path=value; is ''"),
    ("train.epochs", "must look like key.path=value; is 'train.epochs'"),
    ("=3", "must look like key.path=value; is '=3'"),
    ("train..epochs=3", "must look like key.path=value; is 'train..epochs=3'"),
    ("models.1=pmf", "models[1]: no such position; models has 1 entry"),
    ("models.x=pmf", "models.x: no such position; models has 1 entry"),
    ("models.-1=pmf", "models.-1: no such position; models has 1 entry"),
    ("models.²=pmf", "models.²: no such position; models has 1 entry"),
    ("models." + "9" * 30 + "=pmf", f"models.{'9' * 30}: no such position; models has 1 entry"),
    ("seeds.3=5", "seeds[3]: no such position; seeds has 3 entries"),
    ("train={a: 1, a: 2}", "train.a: given twice; first on line 1"),
    ("train=[!!int 3]", "train[0]: tags are not allowed; write the plain value"),
    ("train=*a", "train: anchors and aliases are not allowed; write the value out"),
    ("train='x", "train: not YAML: found unexpected end of stream"),
    ("title=a\0", "title: not YAML: it may not hold '\\x00'"),
    (".".join("a" * 900) + "=1", "nested too deeply; at most 20 levels"),
]


@pytest.mark.parametrize(
    ("argument", "message"), BAD_OVERRIDES, ids=[argument[:20] for argument, _ in BAD_OVERRIDES]
)
def test_a_bad_override_is_reported_with_the_number_of_its_argument(
    argument: str, message: str
) -> None:
    root = read("models: [pmf]\nseeds: [1, 2, 3]\n")
    with pytest.raises(RecipeError) as raised:
        override(root, argument, Place("--set argument 2"))
    assert str(raised.value) == f"--set argument 2: {message}\n1 problem; nothing was run."


@given(
    st.text()
    | YAML_LETTERS
    | st.builds("{}={}".format, st.text("ab.[]01", max_size=9), YAML_LETTERS)
)
@settings(deadline=None, max_examples=100)
def test_no_override_crashes_the_reader(argument: str) -> None:
    root = read("a: [b, {a: c}]\nb: 1\n")
    try:
        after, places = override(root, argument, ARGUMENT), set()
    except RecipeError as error:
        after, places = root, {problem.place for problem in error.problems}
    assert (after == root) == (places == {ARGUMENT})
