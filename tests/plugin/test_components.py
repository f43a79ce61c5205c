"""Declarations: what each kind must say, and how its functions are found by name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cfplug
from cfplug.errors import PluginError
from cfplug.plugin.components import KINDS, Component, NoParams


@attrs.frozen
class Depth:
    """How deep.

    More than the first line.
    """

    depth: int = cfplug.param(3, at_least=1, help="levels")


DECLARED: dict[str, Component] = {
    "source": cfplug.Source("toy", read="toy.parts:read"),
    "split": cfplug.SplitMethod("toy", split="toy.parts:split"),
    "model": cfplug.Model("toy", build="toy.parts:build"),
    "loss": cfplug.Loss("toy", build="toy.parts:build"),
    "metric": cfplug.Metric("toy", score="toy.parts:score"),
    "cold-start": cfplug.ColdStart("toy", adapt="toy.parts:adapt"),
    "analyzer": cfplug.Analyzer("toy", analyze="toy.parts:analyze"),
}


def test_there_is_a_declaration_of_each_of_the_seven_kinds() -> None:
    assert {kind: type(component) for kind, component in DECLARED.items()} == dict(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_docstring_of_a_kind_shows_the_exact_signature_of_its_functions(kind: str) -> None:
    text = " ".join((KINDS[kind].__doc__ or "").split())
    for verb, arguments in KINDS[kind].signatures.items():
        assert f"{verb}({', '.join(arguments)})" in text


def test_a_declaration_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        DECLARED["model"].name = "other"  # type: ignore[misc]


def test_the_summary_is_the_help_or_the_first_line_about_the_parameters() -> None:
    assert cfplug.Source("toy", Depth, read="a:b").summary == "How deep."
    assert cfplug.Source("toy", Depth, read="a:b", help="A toy.").summary == "A toy."


# What is refused


def short(params: object) -> None: ...


def build(params: object, spec: object) -> None: ...


@attrs.define
class Loose:
    depth: int = 3


@attrs.frozen
class Reserved:
    name: str = cfplug.param("", help="")


@attrs.frozen
class Train:
    train: int = cfplug.param(1, help="")


@attrs.frozen
class BadDefault:
    depth: int = cfplug.param(0, at_least=1, help="")


@attrs.frozen
class Unresolved:
    depth: Missing = cfplug.param(0, help="")  # type: ignore[name-defined]  # noqa: F821


REFUSED: list[tuple[Callable[[], object], type[Exception], str]] = [
    (
        lambda: cfplug.Source("Toy Source", read="a:b"),
        ValueError,
        "name: must be a kebab-case noun such as `item-mean`; got 'Toy Source'",
    ),
    (
        lambda: cfplug.Source("toy-", read="a:b"),
        ValueError,
        "name: must be a kebab-case noun such as `item-mean`; got 'toy-'",
    ),
    (
        lambda: cfplug.Source("toy", Loose, read="a:b"),
        ValueError,
        f"params: must be a frozen attrs class; got {Loose!r}",
    ),
    (
        lambda: cfplug.Source("toy", Depth(), read="a:b"),  # type: ignore[arg-type]
        ValueError,
        "params: must be a frozen attrs class; got Depth(depth=3)",
    ),
    (
        lambda: cfplug.Source("toy", Reserved, read="a:b"),
        ValueError,
        "params: name is a key of recipes and cannot be a parameter of Reserved",
    ),
    (
        lambda: cfplug.Model("toy", Train, build="a:b"),
        ValueError,
        "params: train is a key of recipes and cannot be a parameter of Train",
    ),
    (
        lambda: cfplug.Source("toy", BadDefault, read="a:b"),
        ValueError,
        "params: BadDefault.depth: its default must be at least 1; is 0",
    ),
    (
        lambda: cfplug.Source("toy", Unresolved, read="a:b"),
        NameError,
        "name 'Missing' is not defined",
    ),
    (
        lambda: cfplug.Source("toy", read="toy.parts.read"),
        ValueError,
        "read: must look like `package.module:function`; got 'toy.parts.read'",
    ),
    (
        lambda: cfplug.Source("toy", read=5),  # type: ignore[arg-type]
        ValueError,
        "read: must look like `package.module:function`; got 5",
    ),
    (
        lambda: cfplug.Source("toy", read=short),
        PluginError,
        "read: short takes (params); expected (params, context)",
    ),
    (
        lambda: cfplug.Metric("toy", score=min),
        PluginError,
        "score: min takes (?); expected (params, truth, prediction)",
    ),
    (
        lambda: cfplug.Model("toy"),
        ValueError,
        "a model declares either build (it learns by gradient) or fit (it fits itself)",
    ),
    (
        lambda: cfplug.Model("toy", build="a:b", fit="a:c", restore="a:d"),
        ValueError,
        "a model declares either build (it learns by gradient) or fit (it fits itself)",
    ),
    (
        lambda: cfplug.Model("toy", fit="a:b"),
        ValueError,
        "a model that fits itself declares fit and restore, any other neither",
    ),
    (
        lambda: cfplug.Model("toy", build="a:b", restore="a:c"),
        ValueError,
        "a model that fits itself declares fit and restore, any other neither",
    ),
    (
        lambda: cfplug.Model("toy", build="a:b", provides=["bias"]),
        ValueError,
        "provides: there is no capability 'bias'; did you mean biases?",
    ),
    (
        lambda: cfplug.Loss("toy", build="a:b", provides="distributions"),
        ValueError,
        "provides: there is no capability 'distributions'; did you mean distribution?",
    ),
    (
        lambda: cfplug.Metric("toy", score="a:b", requires=["levels"]),
        ValueError,
        "requires: there is no capability 'levels'",
    ),
    (
        lambda: cfplug.Analyzer("toy", analyze="a:b", requires=["embedding"]),
        ValueError,
        "requires: there is no capability 'embedding'; did you mean embeddings?",
    ),
    (
        lambda: cfplug.ColdStart("toy", adapt="a:b", requires=["vector"]),
        ValueError,
        "requires: there is no capability 'vector'; did you mean vectors?",
    ),
]


@pytest.mark.parametrize(
    ("declare", "kind", "message"), REFUSED, ids=[message[:60] for _, _, message in REFUSED]
)
def test_a_faulty_declaration_says_what_is_wrong(
    declare: Callable[[], object], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as raised:
        declare()
    assert str(raised.value) == message


@given(st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,5}){0,3}", fullmatch=True))
@settings(deadline=None, max_examples=25)
def test_every_kebab_case_name_is_accepted(name: str) -> None:
    assert cfplug.Metric(name, score="a:b").name == name


@given(
    st.text(max_size=8).filter(
        lambda text: not text.isascii() or set(text) & set(" _/.ABC") or not text.strip("-")
    )
)
@settings(deadline=None, max_examples=25)
def test_no_other_name_is_accepted(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"^name: must be a kebab-case noun such as `item-mean`; got "
    ):
        cfplug.Metric(name, score="a:b")


# Functions by name


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Make modules that can be imported until the test ends."""
    monkeypatch.syspath_prepend(tmp_path)

    def written(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)

    return written


def test_a_function_is_imported_when_it_is_first_used(write: Callable[[str, str], None]) -> None:
    model = cfplug.Model("toy", build="toy_late:build")
    write("toy_late", "def build(params, spec):\n    return params, spec\n")
    assert "toy_late" not in sys.modules
    assert model.function("build")(1, 2) == (1, 2)


def test_a_function_may_be_given_itself() -> None:
    assert cfplug.Model("toy", build=build).function("build") is build


FUNCTIONS: list[tuple[str, str, str]] = [
    ("toy_none:build", "", "toy: build='toy_none:build': no module called toy_none"),
    (
        "toy_bare:build",
        "import not_there_at_all\n",
        "toy: build='toy_bare:build': no module called not_there_at_all (python -m pip "
        "install not_there_at_all)",
    ),
    (
        "toy_inner:build",
        "import attrs.not_there\n",
        "toy: build='toy_inner:build': no module called attrs.not_there",
    ),
    (
        "toy_fails:build",
        "print(1 / 0)\n",
        "toy: build='toy_fails:build': importing toy_fails raised ZeroDivisionError: "
        "division by zero",
    ),
    (
        "toy_leaves:build",
        "raise SystemExit('no GPU here')\n",
        "toy: build='toy_leaves:build': importing toy_leaves raised SystemExit: no GPU here",
    ),
    (
        "toy_other:build",
        "def bulid(params, spec): ...\n",
        "toy: build='toy_other:build': toy_other has no function called build; did you mean bulid?",
    ),
    (
        "toy_value:build",
        "build = 5\n",
        "toy: build='toy_value:build': toy_value.build must be a function; got 5",
    ),
    (
        "toy_wrong:build",
        "def build(spec, params): ...\n",
        "build: build takes (spec, params); expected (params, spec)",
    ),
]


@pytest.mark.parametrize(
    ("target", "text", "message"), FUNCTIONS, ids=[target for target, _, _ in FUNCTIONS]
)
def test_a_function_that_cannot_be_had_is_an_error_when_it_is_used(
    write: Callable[[str, str], None], target: str, text: str, message: str
) -> None:
    if text:
        write(target.partition(":")[0], text)
    model = cfplug.Model("toy", build=target)
    with pytest.raises(PluginError) as raised:
        model.function("build")
    assert str(raised.value) == message


def test_a_function_that_is_not_declared_is_an_error() -> None:
    with pytest.raises(PluginError) as raised:
        cfplug.Model("toy", build=build).function("fit")
    assert str(raised.value) == "toy declares no fit"


# What an analyzer gives


def test_a_table_prints_aligned_under_its_title() -> None:
    table = cfplug.Table("Lowest", ["title", "bias"], [["Crow, The", -0.25], ["Up", 1.5]])
    assert str(table) == "Lowest\ntitle      bias\nCrow, The  -0.25\nUp         1.5"
    assert table.rows == (("Crow, The", -0.25), ("Up", 1.5))


def test_a_table_without_title_or_rows_prints_its_columns() -> None:
    assert str(cfplug.Table("", ["title", "bias"], [])) == "title  bias"


@given(
    st.lists(st.lists(st.integers(), min_size=3, max_size=3), max_size=4),
    st.lists(st.integers(), max_size=5),
)
@settings(deadline=None, max_examples=25)
def test_a_row_has_as_many_cells_as_there_are_columns(
    rows: list[list[int]], odd: Sequence[int]
) -> None:
    columns = ["a", "b", "c"]
    if len(odd) == 3:
        assert len(cfplug.Table("", columns, [*rows, odd]).rows) == len(rows) + 1
        return
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the full text follows
        cfplug.Table("", columns, [*rows, odd])
    assert str(raised.value) == (
        f"row {len(rows)}: expected 3 cells, one for each column, got {len(odd)}"
    )


def test_a_component_without_parameters_has_an_empty_class_of_them() -> None:
    component: Any = DECLARED["metric"]
    assert component.params is NoParams
    assert component.params() == NoParams()


# Strategies for newcomers


def asks(params, fitted, context): ...


def test_a_strategy_may_ask_and_say_how_sure_it_is() -> None:
    plain = cfplug.ColdStart("toy", adapt="a:b")
    assert (plain.ask, plain.provides, plain.requires, plain.origin) == (None, (), (), "mean")
    asking = cfplug.ColdStart(
        "toy", adapt="a:b", ask=asks, provides="deviation", requires="vectors"
    )
    assert (asking.provides, asking.requires) == (("deviation",), ("vectors",))
    assert asking.function("ask") is asks
    assert cfplug.ColdStart(
        "toy", adapt="a:b", provides=["distribution", "deviation"]
    ).provides == (
        "distribution",
        "deviation",
    )
    assert cfplug.Model("toy", build="a:b", provides=["vectors"]).provides == ("vectors",)


def test_an_undeclared_function_is_an_error() -> None:
    with pytest.raises(cfplug.PluginError) as caught:
        cfplug.ColdStart("toy", adapt="a:b").function("ask")
    assert str(caught.value) == "toy declares no ask"
    with pytest.raises(cfplug.PluginError) as caught:
        cfplug.ColdStart("toy", adapt="a:b", ask=lambda params, fitted, newcomers, context: None)
    assert str(caught.value) == (
        "ask: test_an_undeclared_function_is_an_error.<locals>.<lambda> takes (params, fitted, "
        "newcomers, context); "
        "expected (params, fitted, context)"
    )
    with pytest.raises(
        ValueError,
        match=r"^provides: there is no capability 'deviations'; did you mean deviation\?$",
    ):
        cfplug.ColdStart("toy", adapt="a:b", provides="deviations")
    with pytest.raises(
        ValueError, match=r"^provides: there is no capability 'vector'; did you mean vectors\?$"
    ):
        cfplug.Model("toy", build="a:b", provides="vector")
    with pytest.raises(
        ValueError, match=r"^ask: must look like `package.module:function`; got 'questions'$"
    ):
        cfplug.ColdStart("toy", adapt="a:b", ask="questions")
