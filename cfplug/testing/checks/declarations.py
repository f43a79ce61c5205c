"""Checks of every declaration: help, functions that can be imported, parameters that are saved."""

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
from cfplug.testing.check import Check, CheckError, Subject, no_error
from cfplug.testing.strategies.invalid import invalid_values
from cfplug.testing.strategies.parameters import valid_values

EXAMPLES = 12
"""The number of examples of parameters."""


def has_help(subject: Subject) -> None:
    """Say in one line what the component is: its help, or its parameters' first docstring line."""
    component = subject.component
    has_own_docstring = component.params is not NoParams
    text = component.summary if has_own_docstring else component.help
    _check_line(
        text, f"help of {component.name}", "Set `help`, or give its parameters a docstring."
    )


def parameters_have_help(subject: Subject) -> None:
    """Say in one line what each parameter does; its unit, if it has one, is a word."""
    params = subject.component.params
    for parameter in parameters(params):
        name, rule = f"{params.__name__}.{parameter.name}", parameter.rule
        _check_line(rule.help, f"help of {name}", "Set it with cfplug.param(..., help=...).")
        if rule.unit is not None:
            _check_line(rule.unit, f"unit of {name}", "Leave it out where there is no unit.")


def functions_can_be_imported(subject: Subject) -> None:
    """Have every function that is named as text in a module that can be imported."""
    for verb, target in _targets(subject):
        with no_error(f"{verb}={target!r}", "Name it as package.module:function."):
            _imported(target)


def functions_have_the_right_signature(subject: Subject) -> None:
    """Take exactly the arguments that each function is called with."""
    for verb, target in _targets(subject):
        expected = subject.component.signatures[verb]
        try:
            found = tuple(inspect.signature(_imported(target)).parameters)
        except Exception:  # reported by functions_can_be_imported
            continue
        if found != expected:
            raise CheckError(
                f"{verb}={target!r}: expected the arguments ({', '.join(expected)}), "
                f"got ({', '.join(found)})"
            )


def parameters_survive_a_recipe(subject: Subject) -> None:
    """Keep parameters the same when the resolved recipe of a run is read again."""

    def check(values: dict[str, Any]) -> None:
        first = _read(subject, values)
        again = _read(subject, plain(first))
        if again != first:
            raise CheckError(
                f"recipe with {shown(values)}: expected {shown(plain(first))} again from the "
                f"resolved recipe, got {shown(plain(again))}. Change no parameter while the object "
                "is made."
            )

    values = st.one_of(st.just(plain(subject.params)), valid_values(subject.component))
    subject.check_property(check, values, examples=EXAMPLES)


def invalid_parameters_are_refused(subject: Subject) -> None:
    """Refuse a wrong type, a number out of bounds and an unknown key, in a message with the key."""

    def check(case: tuple[dict[str, Any], str]) -> None:
        values, key = case
        made = structure(subject.component.params, values, owner=subject.component.name)
        messages = [f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in made.faults]
        if not any(key in message for message in messages):
            found = "; ".join(messages) or "none"
            raise CheckError(f"{shown(values)}: expected an error about {key}, got {found}")

    subject.check_property(check, invalid_values(subject.component), examples=EXAMPLES)


def _has_parameters(subject: Subject) -> bool:
    return bool(parameters(subject.component.params))


def _check_line(text: str, place: str, advice: str) -> None:
    if not text.strip():
        raise CheckError(f"{place}: expected one line of text, got none. {advice}")
    if text != text.strip() or not is_one_line(text):
        raise CheckError(f"{place}: expected one line without spaces around it, got {text!r}")


def _targets(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield each verb of the declaration whose function is named as text, with that text."""
    for verb in subject.component.signatures:
        target = getattr(subject.component, verb)
        if isinstance(target, str):
            yield verb, target


def _imported(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    if not callable(found):
        raise TypeError(f"{name} is not a function: {found!r}")
    return found


def _read(subject: Subject, values: dict[str, Any]) -> Any:
    """Write `values` as YAML and return the parameters that the reader of recipes makes of them."""
    root, problems = parse(yaml_text({"with": values}), "a check")
    made = structure(subject.component.params, root.plain()["with"], owner=subject.component.name)
    messages = [str(problem) for problem in problems] + [fault.message for fault in made.faults]
    if messages:
        found = "; ".join(messages)
        raise CheckError(f"recipe with {shown(values)}: expected no error, got {found}")
    return made.value


CHECKS = (
    Check(has_help),
    Check(parameters_have_help, _has_parameters),
    Check(functions_can_be_imported),
    Check(functions_have_the_right_signature),
    Check(parameters_survive_a_recipe, _has_parameters),
    Check(invalid_parameters_are_refused),
)
