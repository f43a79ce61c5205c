"""Types and rules of parameters in the words of JSON Schema: a value has the shape exactly when the reader takes it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import attrs
import jsonschema
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import cfplug
from cfplug.params import Rule, structure_value
from cfplug.recipe.shapes import any_of, properties, shape, table, when

STRICT = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: type(value) is int,
        "number": lambda _, value: (
            type(value) is int or (type(value) is float and math.isfinite(value))
        ),
    }
)
Validator: Any = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=STRICT)

KINDS: list[Any] = [
    *(int, float, str, bool, Path, Any),
    *(int | None, str | None, Path | None, float | None, bool | None),
    *(int | float, int | str, int | str | None, float | tuple[str, ...]),
    *(
        tuple[int, ...],
        tuple[float, float],
        tuple[str, ...] | None,
        tuple[Path, ...],
        tuple[int | str, ...],
    ),
    *(dict[str, str], dict[str, float], dict[str, tuple[int, ...]] | None),
]

RULES = [
    Rule(""),
    Rule("", at_least=1),
    Rule("", above=0, below=1),
    Rule("", above=0.5, at_most=2),
    Rule("", at_least=-math.inf, below=math.inf),
    Rule("", choices=("a", "b")),
    Rule("", choices=(1, 2.0, 0.5)),
]

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([0.0, 0.5, 1.0, 2.0, -1.5, math.nan, math.inf, "", "a", "b", "x\0", "a\n"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def taken(value: Any, kind: Any, rule: Rule) -> bool:
    """Whether the reader takes a value for a parameter of this type and rule."""
    made = structure_value(value, kind)
    return not made.faults and rule.broken_by(made.value) is None


def has_shape(value: Any, kind: Any, rule: Rule) -> bool:
    return bool(Validator(shape(kind, rule)).is_valid(value))


@given(VALUES, st.sampled_from(KINDS), st.sampled_from(RULES))
@settings(max_examples=200)
@example([1], tuple[float, float], Rule(""))
@example([1, 2, 3], tuple[float, float], Rule(""))
@example(1, bool, Rule(""))
@example(True, int, Rule(""))
@example(2, float, Rule("", choices=(1, 2.0, 0.5)))
@example(None, str | None, Rule("", choices=("a",)))
@example("x\0", Path, Rule(""))
@example([1, 0], tuple[int, ...], Rule("", at_least=1))
def test_a_value_has_the_shape_exactly_when_the_reader_takes_it(
    value: Any, kind: Any, rule: Rule
) -> None:
    if rule.choices and kind in (Path, Path | None, tuple[Path, ...], bool, bool | None, Any):
        assert has_shape(value, kind, rule) or not taken(
            value, kind, rule
        )  # choices of these are left to the reader
    elif kind is Any:
        assert has_shape(value, kind, rule) or not taken(
            value, kind, rule
        )  # what lies within is anything
    else:
        assert has_shape(value, kind, rule) == taken(value, kind, rule)


@attrs.frozen
class Knobs:
    need: int = cfplug.param(help="how many", at_least=np.int64(1), unit="items")
    share: float = cfplug.param(0.5, help="which part", above=0, below=1.0)
    free: Any = cfplug.param(object(), help="")
    files: tuple[Path, ...] = cfplug.param((Path("a"),), help="where")
    level: int = cfplug.param(3, help="which", choices=np.array([1, 3]))
    plain: str = "x"


def test_a_table_tells_help_unit_bounds_default_and_what_is_needed() -> None:
    assert json.loads(json.dumps(table(Knobs))) == {
        "type": "object",
        "properties": {
            "need": {"description": "how many (in items)", "type": "integer", "minimum": 1},
            "share": {
                "description": "which part",
                "type": "number",
                "exclusiveMinimum": 0,
                "exclusiveMaximum": 1,
                "default": 0.5,
            },
            "free": {},
            "files": {
                "description": "where",
                "type": "array",
                "items": {"type": "string", "minLength": 1, "pattern": r"^[^\u0000]*$"},
                "default": ["a"],
            },
            "level": {"description": "which", "type": "integer", "enum": [1, 3], "default": 3},
            "plain": {"type": "string", "default": "x"},
        },
        "required": ["need"],
        "additionalProperties": False,
    }
    assert list(properties(Knobs)) == [field.name for field in attrs.fields(Knobs)]


@pytest.mark.parametrize(
    ("options", "value", "right"), [([], 1, False), ([True], 1, True), ([False, True], 1, True)]
)
def test_any_of_no_shapes_is_none(options: list[Any], value: Any, right: bool) -> None:
    assert Validator(any_of(options)).is_valid(value) == right


@pytest.mark.parametrize("value", [1, "x", None])
def test_when_asks_for_one_thing_or_the_other(value: Any) -> None:
    condition = when({"type": "integer"}, {"const": 1}, {"const": "x"})
    assert Validator(condition).is_valid(value) == (value in (1, "x"))
    assert Validator(when({"type": "integer"}, {"const": 1})).is_valid(value)
