"""How problems are printed, the exceptions, and the grammar of messages."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import errors
from cfplug.errors import (
    DataError,
    Place,
    Problem,
    ProblemsError,
    RecipeError,
    counted,
    did_you_mean,
    error_text,
    is_one_line,
    listed,
    nearest,
    plural,
    shown,
    with_article,
)

WORDS = st.text("abc-_", min_size=1, max_size=6)

PLACES = [
    (Place("recipes/pmf.yaml", 18, 5), "recipes/pmf.yaml:18:5"),
    (Place("recipes/pmf.yaml", 18), "recipes/pmf.yaml:18"),
    (Place("--set argument 1"), "--set argument 1"),
]


@pytest.mark.parametrize(("place", "text"), PLACES, ids=[text for _, text in PLACES])
def test_a_place_prints_what_it_knows(place: Place, text: str) -> None:
    assert str(place) == text


def test_a_problem_prints_its_place_its_key_and_what_to_do() -> None:
    place = Place("pmf.yaml", 18, 5)
    assert str(Problem(place, "models[0].factor", "unknown parameter")) == (
        "pmf.yaml:18:5: models[0].factor: unknown parameter"
    )
    assert str(Problem(place, "", "the recipe is empty")) == "pmf.yaml:18:5: the recipe is empty"
    assert str(Problem(None, "range", "must be a number")) == "range: must be a number"


def test_one_problem_closes_in_the_singular() -> None:
    error = RecipeError([Problem(Place("pmf.yaml", 1, 1), "", "the recipe is empty")])
    assert str(error) == "pmf.yaml:1:1: the recipe is empty\n1 problem; nothing was run."
    assert error.exit_code == 2


def test_several_problems_keep_their_order_and_close_in_the_plural() -> None:
    problems = [
        Problem(Place("b.yaml", 9, 2), "x", "late"),
        Problem(Place("b.yaml", 3, 4), "y", "early"),
    ]
    error = ProblemsError(iter(problems))
    assert error.problems == tuple(problems)
    assert str(error) == "b.yaml:9:2: x: late\nb.yaml:3:4: y: early\n2 problems; nothing was run."


DATA_ERRORS: list[tuple[dict[str, Any], str]] = [
    ({}, "has a gap"),
    ({"table": "ratings"}, "ratings: has a gap"),
    ({"table": "ratings", "row": 0}, "ratings, row 0: has a gap"),
    ({"table": "users", "row": 7, "column": "age"}, "users, row 7, column age: has a gap"),
    ({"column": "age"}, "column age: has a gap"),
]


@pytest.mark.parametrize(("where", "text"), DATA_ERRORS, ids=[text for _, text in DATA_ERRORS])
def test_a_data_error_says_where_as_far_as_it_knows(where: dict[str, Any], text: str) -> None:
    error = DataError("has a gap", **where)
    assert str(error) == text
    assert (error.message, error.table, error.row, error.column) == (
        "has a gap",
        where.get("table"),
        where.get("row"),
        where.get("column"),
    )


def test_every_exception_is_a_cfplug_error_and_only_a_recipe_leaves_with_two() -> None:
    kinds = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, Exception)
    ]
    assert all(issubclass(each, errors.CfplugError) for each in kinds)
    codes = {each.__name__: each.exit_code for each in kinds}
    assert {name for name, code in codes.items() if code == 2} == {"ProblemsError", "RecipeError"}
    assert {
        code for name, code in codes.items() if name not in ("ProblemsError", "RecipeError")
    } == {1}


# Grammar


@pytest.mark.parametrize(
    ("noun", "with_its_article", "several"),
    [
        ("metric", "a metric", "metrics"),
        ("analyzer", "an analyzer", "analyzers"),
        ("loss", "a loss", "losses"),
        ("cold-start", "a cold-start", "cold-starts"),
        ("user", "a user", "users"),
        ("item", "an item", "items"),
        ("category", "a category", "categories"),
        ("day", "a day", "days"),
        ("box", "a box", "boxes"),
    ],
)
def test_a_noun_has_its_article_and_its_plural(
    noun: str, with_its_article: str, several: str
) -> None:
    assert (with_article(noun), plural(noun)) == (with_its_article, several)


def test_a_count_has_its_noun_in_the_right_number() -> None:
    shown_counts = [counted(count, "rating") for count in (0, 1, 2, 1204)]
    assert shown_counts == ["0 ratings", "1 rating", "2 ratings", "1,204 ratings"]


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", 3], "a, b and 3")],
)
def test_names_are_listed_as_in_a_sentence(names: list[object], text: str) -> None:
    assert listed(names) == text
    assert listed(iter(names), "or") == text.replace("and", "or")


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("too big"), "ValueError: too big"),
        (SystemExit(), "SystemExit"),
        (SpeechlessError(), "SpeechlessError: (it has no readable text)"),
    ],
)
def test_an_error_is_shown_with_its_class(error: BaseException, text: str) -> None:
    assert error_text(error) == text


# The nearest name


@given(st.lists(WORDS, min_size=1, max_size=9, unique=True), st.data())
@settings(deadline=None, max_examples=40)
def test_a_name_that_is_there_is_its_own_nearest(names: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names))
    found = nearest(name, names)
    assert found is not None
    assert found.replace("_", "-") == name.replace("_", "-")


@given(WORDS, st.lists(WORDS, max_size=9, unique=True), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_the_nearest_name_does_not_depend_on_the_order_of_the_names(
    name: str, names: list[str], random: Any
) -> None:
    names = [
        *names,
        *(each.replace("_", "-") for each in names),
    ]  # two names that are one when folded
    mixed = random.sample(names, len(names))
    assert nearest(name, names) == nearest(name, mixed)
    assert nearest(name, names) in {None, *names}


@pytest.mark.parametrize(
    ("name", "names", "guess"),
    [
        ("factor", ["factors", "use", "init_deviation"], "; did you mean factors?"),
        ("Learning-Rate", ["learning_rate", "batch_size"], "; did you mean learning_rate?"),
        ("rsme", ["mse", "rmse", "mae"], "; did you mean rmse?"),
        ("zzz", ["mse", "rmse"], ""),
        ("mse", [], ""),
    ],
)
def test_did_you_mean_ends_a_message_or_says_nothing(
    name: str, names: list[str], guess: str
) -> None:
    assert did_you_mean(name, names) == guess


# Values in messages


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (5e-3, "0.005"),
        (math.inf, "inf"),
        ("it's", '"it\'s"'),
        ("a\nb", r"'a\nb'"),
        ((1, 2.5, None), "[1, 2.5, null]"),
        ({"use": "mse", "range": [0, 5.5]}, "{use: 'mse', range: [0, 5.5]}"),
        ({"a\x1b[2J": 1}, r"{'a\x1b[2J': 1}"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_a_value_is_shown_as_a_recipe_would_say_it(value: Any, text: str) -> None:
    assert shown(value) == text


@given(
    st.recursive(
        st.text() | st.integers() | st.none(),
        lambda inner: st.dictionaries(st.text(), inner, max_size=5),
    )
)
@settings(deadline=None, max_examples=40)
def test_whatever_is_shown_stays_on_one_short_line(value: Any) -> None:
    assert len(shown(value)) <= 80
    assert is_one_line(shown(value))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("PMF — 100 000 ratings", True),
        ("映画\u3000評価", True),
        ("👩\u200d🔬", True),
        ("", True),
        ("a\nb", False),
        ("a\x1b[2J", False),
        ("a\u2028b", False),
        ("a\ud800", False),
    ],
)
def test_one_line_is_what_a_terminal_shows_and_does_not_obey(text: str, answer: bool) -> None:
    assert is_one_line(text) is answer
