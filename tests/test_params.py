"""Parameters: the rule of each, what it is told in words, and the strict way from plain values to
an object.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import param
from cfplug.errors import ParameterError
from cfplug.params import (
    Fault,
    NoParams,
    Rule,
    Structured,
    check_parameters,
    number_words,
    parameters,
    plain,
    structure,
    structure_value,
    type_words,
)


@attrs.frozen
class Everything:
    """One parameter of each type that a recipe can give."""

    whole: int = param(help="needed", at_least=1, at_most=99)
    real: float = param(1, help="an int as default", above=0, below=10)
    word: str = param("a", help="", choices=("a", "b", "abacus"))
    flag: bool = param(False, help="")
    file: Path | None = param(None, help="")
    pair: tuple[float, float] = param((0, 5.5), help="")
    many: tuple[int, ...] = param((), help="", at_least=0)
    files: tuple[Path, ...] = param((), help="")
    table: dict[str, float] = param({}, help="", at_most=1)
    either: int | str = param("auto", help="")
    maybe: float | None = param(None, help="", at_least=0, unit="days")


reals = st.floats(0.01, 9.99)
names = st.text("abcdefg./", min_size=1, max_size=6).filter(lambda text: not text.startswith("/"))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "whole": st.integers(1, 99),
    "real": reals | st.integers(1, 9),
    "word": st.sampled_from(["a", "b", "abacus"]),
    "flag": st.booleans(),
    "file": st.none() | names,
    "pair": st.lists(reals | st.integers(-5, 5), min_size=2, max_size=2),
    "many": st.lists(st.integers(0, 9), max_size=4),
    "files": st.lists(names, max_size=3),
    "table": st.dictionaries(st.text(max_size=3), st.floats(-1, 1), max_size=3),
    "either": st.integers() | st.text(max_size=3),
    "maybe": st.none() | st.floats(0, 1e9),
}
tables = st.fixed_dictionaries(
    {"whole": VALUES["whole"]},
    optional={name: value for name, value in VALUES.items() if name != "whole"},
)


def made(values: dict[str, Any], folder: Path = Path("/data")) -> Structured:
    return structure(Everything, values, owner="everything", base=lambda key: folder)


@given(tables)
@settings(deadline=None, max_examples=40)
def test_plain_values_of_an_object_make_the_same_object(values: dict[str, Any]) -> None:
    first = made(values)
    assert first.faults == ()
    again = made(plain(first.value), Path("/elsewhere"))  # paths are absolute by now
    assert again == first
    assert plain(again.value) == plain(first.value)
    assert list(map(type, attrs.astuple(again.value, recurse=False))) == [
        type(value) for value in attrs.astuple(first.value, recurse=False)
    ]


@given(tables)
@settings(deadline=None, max_examples=30)
def test_every_value_has_the_type_that_its_parameter_declares(values: dict[str, Any]) -> None:
    value = made(values).value
    assert type(value.whole) is int
    assert type(value.real) is float
    assert {type(each) for each in value.pair} == {float}
    assert type(value.pair) is tuple
    assert all(type(each) is float for each in value.table.values())
    assert all(isinstance(each, Path) and each.is_absolute() for each in value.files)


WRONG: list[tuple[str, Any, tuple[str | int, ...], str]] = [
    ("whole", True, (), "must be a whole number; is true"),
    ("whole", 3.0, (), "must be a whole number; is 3.0"),
    ("whole", "3", (), "must be a whole number; is '3'"),
    ("whole", None, (), "must be a whole number; is null"),
    ("whole", 0, (), "must be at least 1 and at most 99; is 0"),
    ("whole", 100, (), "must be at least 1 and at most 99; is 100"),
    ("real", False, (), "must be a number; is false"),
    ("real", "5e-3", (), "must be a number; is '5e-3'"),
    ("real", 0.0, (), "must be above 0 and below 10; is 0.0"),
    ("real", 10, (), "must be above 0 and below 10; is 10.0"),
    ("real", math.nan, (), "must be a finite number; is nan"),
    ("real", math.inf, (), "must be a finite number; is inf"),
    ("word", 5, (), "must be text; is 5"),
    ("word", "abacuss", (), "must be one of a, b, abacus; is 'abacuss'; did you mean abacus?"),
    ("word", "z", (), "must be one of a, b, abacus; is 'z'"),
    ("flag", 1, (), "must be true or false; is 1"),
    ("flag", "no", (), "must be true or false; is 'no'"),
    ("file", 5, (), "must be a path; is 5"),
    ("file", "", (), "must be a path; is ''"),
    ("file", "a\0b", (), r"must be a path; is 'a\x00b'"),
    (
        "file",
        "~nobody_at_all/a",
        (),
        "must be a path; found no home folder for '~nobody_at_all/a'",
    ),
    ("pair", 5, (), "must be a list of 2 numbers; is 5"),
    ("pair", [0, 1, 2], (), "must be a list of 2 numbers; is [0, 1, 2]"),
    ("pair", [0, "x"], (1,), "must be a number; is 'x'"),
    ("pair", "05", (), "must be a list of 2 numbers; is '05'"),
    ("many", 3, (), "must be a list of whole numbers; is 3"),
    ("many", [3, True], (1,), "must be a whole number; is true"),
    ("many", [3, 5, -1], (2,), "must be at least 0; is -1"),
    ("files", ["a", ""], (1,), "must be a path; is ''"),
    ("table", [0.5], (), "must be a table of numbers; is [0.5]"),
    ("table", {"x": 0, "y": "1"}, ("y",), "must be a number; is '1'"),
    ("table", {"x": 0, "y": 1.5}, ("y",), "must be at most 1; is 1.5"),
    ("either", 2.5, (), "must be a whole number or text; is 2.5"),
    ("maybe", "x", (), "must be a number; is 'x'"),
    ("maybe", -1, (), "must be at least 0; is -1.0"),
]


@pytest.mark.parametrize(
    ("name", "value", "inside", "message"), WRONG, ids=[f"{w[0]}={w[1]!r}" for w in WRONG]
)
def test_a_wrong_value_is_reported_at_its_own_path(
    name: str, value: Any, inside: tuple[str | int, ...], message: str
) -> None:
    assert made({"whole": 3, name: value}) == Structured(None, (Fault((name, *inside), message),))


@given(
    tables,
    st.lists(st.sampled_from(WRONG), min_size=2, max_size=4, unique_by=lambda wrong: wrong[0]),
)
@settings(deadline=None, max_examples=30)
def test_all_faults_and_no_others_are_found_in_one_pass(
    values: dict[str, Any], wrong: list[Any]
) -> None:
    outcome = made({**values, **{name: value for name, value, _, _ in wrong}})
    assert outcome.value is None
    assert {fault.path: fault.message for fault in outcome.faults} == {
        (name, *inside): message for name, _, inside, message in wrong
    }


def test_an_unknown_parameter_names_the_nearest_one() -> None:
    assert made({"whole": 3, "tabel": {}}).faults == (
        Fault(("tabel",), "unknown parameter of everything; did you mean table?", on_key=True),
    )
    assert made({"whole": 3, "zzz": {}}).faults == (
        Fault(("zzz",), "unknown parameter of everything", on_key=True),
    )


def test_a_misspelt_key_may_mean_a_key_next_to_the_parameters() -> None:
    outcome = structure(NoParams, {"nmae": "x"}, owner="mse", other_keys=("use", "name"))
    assert outcome.faults == (
        Fault(("nmae",), "unknown parameter of mse; did you mean name?", on_key=True),
    )


def test_a_missing_parameter_is_reported_with_its_help() -> None:
    assert made({}).faults == (Fault((), "everything needs whole: needed"),)


def test_a_misspelt_parameter_is_reported_once() -> None:
    assert made({"wohle": 3}).faults == (
        Fault(("wohle",), "unknown parameter of everything; did you mean whole?", on_key=True),
    )


def test_a_default_has_the_type_that_is_declared() -> None:
    value = made({"whole": 3}).value
    assert type(value.real) is float
    assert [type(each) for each in value.pair] == [float, float]


def test_relative_paths_are_taken_from_the_folder_of_their_key() -> None:
    folders = {"file": Path("/a"), "files": Path("/b")}
    outcome = structure(
        Everything,
        {"whole": 3, "file": "x.csv", "files": ["y.csv", "/abs.csv"]},
        owner="",
        base=lambda key: folders.get(key, Path("/none")),
    )
    assert outcome.value.file == Path("/a/x.csv")
    assert outcome.value.files == (Path("/b/y.csv"), Path("/abs.csv"))


def test_a_tilde_means_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    outcome = structure(
        Everything, {"whole": 3, "file": "~/x.csv"}, owner="", base=lambda key: Path("/a")
    )
    assert outcome.value.file == Path("/home/ada/x.csv")


# Rules between parameters


@attrs.frozen
class Between:
    low: float = param(0.0, help="")
    high: float = param(1.0, help="")
    roles: dict[str, str] = param({}, help="")

    def __attrs_post_init__(self) -> None:
        if self.low >= self.high:
            raise ParameterError("high", f"must be above low; is {self.high:g}")
        for key, role in self.roles.items():
            if role == "odd":
                raise ParameterError(("roles", key), "no such role")
            if role == "free":
                raise ValueError("nothing is free: neither is a role")
            if role == "slip":
                print(1 / 0)


BETWEEN: list[tuple[dict[str, Any], Fault]] = [
    ({"high": -1}, Fault(("high",), "must be above low; is -1")),
    ({"low": 5}, Fault((), "high: must be above low; is 1")),
    ({"roles": {"a.b": "odd"}}, Fault(("roles", "a.b"), "no such role")),
    ({"roles": {"a.b": "free"}}, Fault((), "nothing is free: neither is a role")),
    (
        {"roles": {"a.b": "slip"}},
        Fault((), "checking between raised ZeroDivisionError: division by zero"),
    ),
]


@pytest.mark.parametrize(("values", "fault"), BETWEEN, ids=[str(values) for values, _ in BETWEEN])
def test_a_rule_between_parameters_is_reported_at_its_first_key(
    values: dict[str, Any], fault: Fault
) -> None:
    assert structure(Between, values, owner="between") == Structured(None, (fault,))


# In Python


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"whole": 0}, "whole: must be at least 1 and at most 99; is 0"),
        ({"whole": 1, "word": "z"}, "word: must be one of a, b, abacus; is 'z'"),
        ({"whole": 1, "many": (3, -1)}, "many: must be at least 0; is -1"),
        ({"whole": 1, "maybe": math.nan}, "maybe: must be a finite number; is nan"),
    ],
)
def test_a_broken_rule_raises_in_python_too(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the full text follows
        Everything(**values)
    assert str(raised.value) == message


def test_parameters_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Everything(3).whole = 4  # type: ignore[misc]


@given(st.one_of(st.none(), st.integers(-9, 9), st.floats(-9, 9)))
@settings(deadline=None, max_examples=40)
def test_a_rule_is_broken_exactly_outside_its_bounds(value: float | None) -> None:
    rule = Rule("", at_least=-3, below=4)
    kept = value is None or -3 <= value < 4
    assert (rule.broken_by(value) is None) == kept


# In words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule(""), ""),
        (Rule("", at_least=0, at_most=2**32 - 1), "at least 0 and at most 4294967295"),
        (Rule("", above=0, below=1), "above 0 and below 1"),
        (Rule("", at_most=5e-3), "at most 0.005"),
        (Rule("", choices=("one-cycle", "constant")), "one of one-cycle, constant"),
    ],
)
def test_a_rule_in_words(rule: Rule, words: str) -> None:
    assert rule.words() == words


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False, width=16))
@settings(deadline=None, max_examples=30)
def test_a_number_in_words_is_still_that_number(number: float) -> None:
    assert float(number_words(number)) == pytest.approx(number, rel=1e-11)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "a whole number"),
        (float | None, "a number or null"),
        (tuple[float, float], "a list of 2 numbers"),
        (tuple[int, ...], "a list of whole numbers"),
        (tuple[str, ...] | None, "a list of texts or null"),
        (dict[str, str], "a table of texts"),
        (Path, "a path"),
        (Any, "anything"),
    ],
)
def test_a_type_in_words(kind: Any, words: str) -> None:
    assert type_words(kind) == words


def test_a_class_is_described_by_its_parameters() -> None:
    described = parameters(Everything)
    assert [each.name for each in described] == [field.name for field in attrs.fields(Everything)]
    assert [each.name for each in described if each.required] == ["whole"]
    maybe = described[-1]
    assert (maybe.type, maybe.default, maybe.rule) == (
        "a number or null",
        None,
        Rule("", at_least=0, unit="days"),
    )


@attrs.frozen
class PlainField:
    tags: tuple[str, ...] = attrs.field(factory=tuple)


def test_a_plain_attrs_field_is_a_parameter_too() -> None:
    assert parameters(PlainField)[0].default == ()
    assert structure(PlainField, {}, owner="x").value == PlainField()
    assert structure(PlainField, {"tags": [5]}, owner="x").faults == (
        Fault(("tags", 0), "must be text; is 5"),
    )


# What cannot be a parameter


def unsound() -> list[tuple[type, str]]:
    kinds = (
        "int, float, str, bool, Path, a tuple of one of these, a dict[str, ...] "
        "or any of them | None"
    )

    @attrs.frozen
    class AList:
        x: list[int] = param([], help="")

    @attrs.frozen
    class Mixed:
        x: tuple[int, str] = param((1, "a"), help="")

    @attrs.frozen
    class Nested:
        x: NoParams = param(NoParams(), help="")

    @attrs.frozen
    class AWord:
        x: Literal["a", "b"] = param("a", help="")

    @attrs.frozen
    class ByNumber:
        x: dict[int, str] = param({}, help="")

    @attrs.frozen
    class BrokenDefault:
        x: int = param(0, help="", at_least=1)

    @attrs.frozen
    class NoNull:
        x: int = param(None, help="")

    @attrs.frozen
    class NoChoice:
        x: tuple[str, ...] = param(("a", "c"), help="", choices=("a", "b"))

    return [
        (AList, f"x: must be {kinds}; is list[int]"),
        (Mixed, f"x: must be {kinds}; is tuple[int, str]"),
        (Nested, f"x: must be {kinds}; is NoParams"),
        (AWord, f"x: must be {kinds}; is typing.Literal['a', 'b']"),
        (ByNumber, f"x: must be {kinds}; is dict[int, str]"),
        (BrokenDefault, "x: its default must be at least 1; is 0"),
        (NoNull, "x: its default must be a whole number; is null"),
        (NoChoice, "x: its default must be one of a, b; is 'c'"),
    ]


UNSOUND = unsound()


@pytest.mark.parametrize(("cls", "message"), UNSOUND, ids=[cls.__name__ for cls, _ in UNSOUND])
def test_a_class_that_no_recipe_could_fill_is_refused(cls: type, message: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the full text follows
        check_parameters(cls)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "cls", [NoParams, Everything, Between, PlainField], ids=lambda cls: cls.__name__
)
def test_a_class_of_sound_parameters_is_accepted(cls: type) -> None:
    check_parameters(cls)


# Plain values


def test_plain_values_hold_only_what_yaml_and_json_can() -> None:
    assert plain(Everything(3, file=Path("/a/b"), table={"x": 0.5})) == {
        "whole": 3,
        "real": 1,
        "word": "a",
        "flag": False,
        "file": "/a/b",
        "pair": [0, 5.5],
        "many": [],
        "files": [],
        "table": {"x": 0.5},
        "either": "auto",
        "maybe": None,
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(
        [
            int,
            float,
            str,
            bool,
            Path,
            tuple[int, ...],
            tuple[float, float],
            dict[str, int],
            int | None,
        ]
    ),
)
@settings(deadline=None, max_examples=60)
def test_no_value_crashes_the_checking_of_any_type(value: Any, kind: Any) -> None:
    outcome = structure_value(value, kind)
    assert (outcome.value is None) or not outcome.faults
    assert all(fault.message.startswith("must be ") for fault in outcome.faults)
