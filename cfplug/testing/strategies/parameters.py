"""Strategies for the parameters of any component, made of what its declaration says: plain values, good and bad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from cfplug.params import Structured, parameters, plain, structure, types_of
from cfplug.plugin.components import Component
from cfplug.testing.strategies.agreement import Agreement, Choice
from cfplug.testing.strategies.faults import faulty
from cfplug.testing.strategies.values import Values

Given = Mapping[str, SearchStrategy[Any]]


@frozen
class Subject:
    """Whose parameters are meant: a name for messages, the parameter class, and keys that mean something else."""

    owner: str
    params: type
    reserved: tuple[str, ...] = ()

    @classmethod
    def of(cls, component: Component | type) -> Subject:
        """That of a declaration, or of a class of parameters alone, such as TrainSettings."""
        if isinstance(component, type):
            return cls(component.__name__, component)
        return cls(component.name, component.params, component.reserved)

    def made(self, values: Mapping[str, Any]) -> Structured:
        """What a recipe's reader makes of `values`."""
        return structure(self.params, values, owner=self.owner)

    def accepts(self, values: Mapping[str, Any]) -> bool:
        return not self.made(values).faults

    def required(self) -> tuple[str, ...]:
        return tuple(each.name for each in parameters(self.params) if each.required)

    def values(self, huge: bool = False) -> dict[str, Values]:
        """How the values of each parameter are drawn."""
        types = types_of(self.params)
        return {
            each.name: Values(
                types[each.name], each.rule, None if each.required else plain(each.default), huge
            )
            for each in parameters(self.params)
        }


def valid_values(
    component: Component | type, *, given: Given | None = None, huge: bool = False
) -> SearchStrategy[dict[str, Any]]:
    """Plain values, as a recipe's table holds them, for any of the parameters of a declaration; all are accepted.

    >>> valid_values(pmf).example()
    {'factors': 3, 'init_range': [-1, 0.5]}

    Required parameters are always there. `component` is a declaration or a class of parameters.
    `given` says how those are drawn of which a declaration cannot tell enough, such as a name out
    of a list in the code; each of them is always there: `given={"epochs": st.just(1)}`. Numbers lie
    in the declared bounds; where these leave more room than a thousand, numbers stay near the lower
    end, and near the default, unless `huge`.

    What a rule between parameters refuses is left out, one parameter after the other, until the
    rest is accepted."""
    subject = Subject.of(component)
    strategies = {name: values.strategy() for name, values in subject.values(huge).items()} | dict(
        given or {}
    )
    return _tables(_Pool(subject, strategies, (*subject.required(), *(given or {}))))


def parameters_for(
    component: Component | type, *, given: Given | None = None, huge: bool = False
) -> SearchStrategy[Any]:
    """Parameter objects of a declaration, each made of values as `valid_values` draws them.

    >>> parameters_for(pmf).example()
    Pmf(factors=3, init_deviation=0.01, init_range=(-1.0, 0.5))
    """
    subject = Subject.of(component)
    return valid_values(component, given=given, huge=huge).map(
        lambda values: subject.made(values).value
    )


def invalid_values(
    component: Component | type, *, given: Given | None = None
) -> SearchStrategy[tuple[dict[str, Any], str]]:
    """Plain values with exactly one fault, and the key at fault: wrong type, off bounds, no choice, unknown, missing.

    >>> invalid_values(pmf).example()
    ({'factors': True}, 'factors')
    """
    subject = Subject.of(component)
    found = {name: faulty(values) for name, values in subject.values().items()}
    bad = {name: each for name, each in found.items() if each is not None}
    keys, numbers = st.sampled_from(_unknown_keys(subject)), st.integers(0, 3)
    ways = [
        st.tuples(keys, numbers),
        *(st.tuples(st.just(name), each) for name, each in bad.items()),
        *(st.tuples(st.just(name), st.just(_MISSING)) for name in subject.required()),
    ]
    valid = valid_values(component, given=given)
    return st.builds(_with_fault, valid, st.sampled_from(ways).flatmap(lambda way: way))


def _with_fault(values: dict[str, Any], fault: tuple[str, Any]) -> tuple[dict[str, Any], str]:
    name, value = fault
    left = {key: its for key, its in values.items() if key != name}
    return (left if value is _MISSING else {**left, name: value}), name


_MISSING = object()


def _unknown_keys(subject: Subject) -> list[str]:
    """Keys that the declaration does not have: its own ones misspelt, and others."""
    names = [each.name for each in parameters(subject.params)]
    misspelt = (
        [name[1:] + name[:1] for name in names]
        + [f"{name}s" for name in names]
        + [f"n_{name}" for name in names]
    )
    taken = {*names, *subject.reserved, ""}
    others = ["no_such_thing", "größe", "a b"]
    return [key for key in dict.fromkeys(misspelt + others) if key not in taken]


@frozen(eq=False)
class _Pool:
    """Where the values of a component's parameters come from, and which of them are always there."""

    subject: Subject
    strategies: Given
    needed: tuple[str, ...]

    @property
    def optional(self) -> list[str]:
        return [name for name in self.strategies if name not in self.needed]

    def names(self) -> SearchStrategy[list[str]]:
        """Which of the optional parameters are drawn, and which of them goes first."""
        some = (
            st.lists(st.sampled_from(self.optional), unique=True) if self.optional else st.just([])
        )
        return some | st.permutations(self.optional)

    def choices(self) -> list[Choice]:
        """What a recipe may choose for parameters that have choices."""
        rules = {each.name: each.rule.choices or () for each in parameters(self.subject.params)}
        return [(name, plain(choice)) for name in self.optional for choice in rules[name]]


@st.composite
def _tables(draw: DrawFn, pool: _Pool) -> dict[str, Any]:
    found = Agreement(
        pool.subject.params, {name: draw(pool.strategies[name]) for name in pool.needed}
    )
    chosen = {name: draw(pool.strategies[name]) for name in draw(pool.names())}
    if not found.add(chosen):
        choices = pool.choices()
        turn = draw(st.integers(0, max(0, len(choices) - 1)))
        found.search(chosen, choices[turn:] + choices[:turn])
    if not found.holds():  # a rule wants one of those that were not chosen
        found.search(
            {name: draw(pool.strategies[name]) for name in pool.optional if name not in chosen}
        )
    return found.table if found.holds() else reject()
