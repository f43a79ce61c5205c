"""The declarations of the tables plugin: what they load, and which parameters they refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import cfplug_tables
import pytest
from cfplug_tables import CsvParams, SyntheticParams

import cfplug

HEAVY = ("numpy", "pandas", "pyarrow", "torch")
CODE = f"import sys, {{module}}; print(*(name for name in {HEAVY} if name in sys.modules))"


def test_the_manifest_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(module="cfplug_tables")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("source", cfplug_tables.cfplug_sources(), ids=lambda source: source.name)
def test_every_declared_function_is_there(source: cfplug.Source) -> None:
    assert callable(source.function("read"))


@pytest.mark.parametrize("source", cfplug_tables.cfplug_sources(), ids=lambda source: source.name)
def test_every_source_says_what_it_is(source: cfplug.Source) -> None:
    assert source.summary


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"roles": {"users.age": "categry"}},
        "roles: users.age: no role called 'categry'; did you mean category?",
    ),
    (
        {"roles": {"age": "category"}},
        "roles: expected a table and a column such as users.age, got 'age'",
    ),
    ({"scale": (5.0, 1.0)}, "scale: expected the lowest and the highest rating, got [5.0, 1.0]"),
    ({"set_separator": ""}, "set_separator: must not be empty"),
    ({"separator": ""}, "separator: expected text within a line, got ''"),
    ({"encoding": "utf-88"}, "encoding: Python knows no encoding called 'utf-88'"),
    ({"quote": "''"}, "quote: expected one character or null, got \"''\""),
    ({"repeats": "lst"}, "repeats: must be one of error, last, mean; is 'lst'; did you mean last?"),
    ({"time_unit": "h"}, "time_unit: must be one of s, ms, iso; is 'h'"),
]


@pytest.mark.parametrize(
    ("params", "message"), REFUSED, ids=[next(iter(params)) for params, _ in REFUSED]
)
def test_csv_refuses_what_cannot_be(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the full text follows
        CsvParams(Path("ratings.csv"), **params)
    assert str(raised.value) == message


UNDRAWABLE: list[tuple[dict[str, Any], str]] = [
    (
        {"ratings": 60_001},
        "ratings: 60,001 are more than the 60,000 pairs of 300 users and 200 items",
    ),
    ({"step": 0.7}, "step: expected a step that divides the scale from 1 to 5 evenly, got 0.7"),
    ({"scale": (5.0, 5.0)}, "scale: expected the lowest and the highest rating, got [5.0, 5.0]"),
    ({"metadata": 1.5}, "metadata: must be at least 0 and at most 1; is 1.5"),
]


@pytest.mark.parametrize(
    ("params", "message"), UNDRAWABLE, ids=[next(iter(params)) for params, _ in UNDRAWABLE]
)
def test_synthetic_refuses_what_cannot_be_drawn(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the full text follows
        SyntheticParams(**params)
    assert str(raised.value) == message
