"""Laws of every declaration: it has help, its functions are there, its parameters go through a recipe unharmed."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

from cfplug.errors import is_one_line, shown
from cfplug.params import NoParams, parameters, plain, structure
from cfplug.recipe.recipe import yaml_text
from cfplug.recipe.yaml import parse
from cfplug.testing.check import BrokenLawError, Check, Subject
from cfplug.testing.strategies.parameters import invalid_values, valid_values

VALUES = 12
"""How often a law about parameters is tried."""


def has_help(subject: Subject) -> None:
    """The component says in one line what it is: its help, or the first line of its parameters' docstring."""
    component = subject.component
    text = (
        component.help if component.params is NoParams else component.summary
    )  # NoParams has a docstring of its own
    _check_line(text, f"the help of {component.name}", "give `help`, or its parameters a docstring")


def parameters_have_help(subject: Subject) -> None:
    """Every parameter says in one line what it does, and its unit, if it has one, is a word."""
    for parameter in parameters(subject.component.params):
        owner = f"{subject.component.params.__name__}.{parameter.name}"
        _check_line(
            parameter.rule.help, f"the help of {owner}", "say it with cfplug.param(..., help=...)"
        )
        if parameter.rule.unit is not None:
            _check_line(
                parameter.rule.unit, f"the unit of {owner}", "leave it out where there is none"
            )


def functions_can_be_imported(subject: Subject) -> None:
    """Every function that is named as text lies in a module that can be imported."""
    for verb, target in _targets(subject):
        try:
            _imported(target)
        except Exception as error:
            raise BrokenLawError(
                f"{verb}={target!r} cannot be imported: {type(error).__name__}: {error}"
            ) from error


def functions_have_the_right_signature(subject: Subject) -> None:
    """Every function takes exactly the arguments with which it will be called."""
    for verb, target in _targets(subject):
        expected = subject.component.signatures[verb]
        try:
            found = tuple(inspect.signature(_imported(target)).parameters)
        except Exception:  # `functions_can_be_imported` tells it
            continue
        if found != expected:
            raise BrokenLawError(
                f"{verb}={target!r} takes ({', '.join(found)}); expected ({', '.join(expected)})"
            )


def parameters_survive_a_recipe(subject: Subject) -> None:
    """Parameters that a recipe gives come back the same from the resolved recipe that a run folder keeps."""

    def law(values: dict[str, Any]) -> None:
        first = _read(subject, values)
        again = _read(subject, plain(first))
        if again != first:
            raise BrokenLawError(
                f"a recipe that says {shown(values)} gives {shown(plain(first))}, and when the resolved recipe is read "
                f"again, {shown(plain(again))}: what a parameter object holds must be what makes it again"
            )

    subject.hold(law, _valid(subject), examples=VALUES)


def invalid_parameters_are_refused(subject: Subject) -> None:
    """A value of the wrong type, out of bounds or with an unknown key is refused, and the message names the key."""

    def law(case: tuple[dict[str, Any], str]) -> None:
        values, key = case
        made = structure(subject.component.params, values, owner=subject.component.name)
        told = [f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in made.faults]
        if not told:
            raise BrokenLawError(f"{shown(values)} is accepted, though {key} is wrong")
        if not any(key in words for words in told):
            raise BrokenLawError(
                f"{shown(values)} is refused without a word of {key}: {'; '.join(told)}"
            )

    subject.hold(law, invalid_values(subject.component), examples=VALUES)


def _has_parameters(subject: Subject) -> bool:
    return bool(parameters(subject.component.params))


def _check_line(text: str, what: str, advice: str) -> None:
    if not text.strip():
        raise BrokenLawError(f"{what} is empty: {advice}")
    if text != text.strip() or not is_one_line(text):
        raise BrokenLawError(f"{what} must be one line without spaces around it; is {text!r}")


def _targets(subject: Subject) -> Iterator[tuple[str, str]]:
    """Each verb of the declaration whose function is named as text."""
    for verb in subject.component.signatures:
        target = getattr(subject.component, verb)
        if isinstance(target, str):
            yield verb, target


def _imported(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    if not callable(found):
        raise TypeError(f"{name} is no function; it is {found!r}")
    return found


def _valid(subject: Subject) -> st.SearchStrategy[dict[str, Any]]:
    """Tables of valid values, and that of the parameters with which the component is tried."""
    return st.one_of(st.just(plain(subject.params)), valid_values(subject.component))


def _read(subject: Subject, values: dict[str, Any]) -> Any:
    """The parameters that a recipe's reader makes of `values` after these were written as YAML."""
    root, problems = parse(yaml_text({"with": values}), "a contract check")
    made = structure(subject.component.params, root.plain()["with"], owner=subject.component.name)
    told = [str(problem) for problem in problems] + [fault.message for fault in made.faults]
    if told:
        raise BrokenLawError(
            f"{shown(values)}, written as YAML and read again, is refused: {'; '.join(told)}"
        )
    return made.value


CHECKS = (
    Check("has-help", has_help),
    Check("parameters-have-help", parameters_have_help, applies=_has_parameters),
    Check("functions-can-be-imported", functions_can_be_imported),
    Check("functions-have-the-right-signature", functions_have_the_right_signature),
    Check("parameters-survive-a-recipe", parameters_survive_a_recipe, applies=_has_parameters),
    Check("invalid-parameters-are-refused", invalid_parameters_are_refused),
)
