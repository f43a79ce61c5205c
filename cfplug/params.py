"""Declare parameters of components, and turn plain values into parameter objects, strictly."""

from __future__ import annotations

import functools
import math
import operator
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import attrs
import cattrs
from attrs import frozen

from cfplug.errors import ParameterError, did_you_mean, nearest, shown

_KEY = "cfplug"

_COMPARISONS = {
    "at_least": operator.ge,
    "above": operator.gt,
    "at_most": operator.le,
    "below": operator.lt,
}
"""How a value compares with each bound of a rule that it keeps."""


@frozen
class Fault:
    """A fault in plain values: the keys and positions that lead to it, and what is wrong there.

    `on_key` is true where the key itself is at fault, as when it is misspelt.
    """

    path: tuple[str | int, ...]
    message: str
    on_key: bool = False


@frozen
class Rule:
    """What a parameter's value must satisfy in addition to its type, and its help."""

    help: str
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] | None = None
    unit: str | None = None

    def words(self) -> str:
        """Return the rule in words, such as `at least 1`; empty if anything goes."""
        words = []
        for name, bound in self.bounds().items():
            words.append(f"{name.replace('_', ' ')} {number_words(bound)}")
        if self.choices is not None:
            words.append("one of " + ", ".join(map(str, self.choices)))
        return " and ".join(words)

    def bounds(self) -> dict[str, float]:
        """Return the bounds that are given, by name."""
        bounds = {name: getattr(self, name) for name in _COMPARISONS}
        return {name: bound for name, bound in bounds.items() if bound is not None}

    def broken_by(self, value: Any) -> str | None:
        """Return why `value`, or an item of it, breaks the rule; None if it keeps it.

        `value` has the right type already.
        """
        return next((fault.message for fault in self.faults(value)), None)

    def faults(self, value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Fault]:
        """Yield everything in `value` that breaks the rule."""
        if isinstance(value, tuple | Mapping):
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            for step, item in items:
                yield from self.faults(item, (*path, step))
        elif why := self._why(value):
            yield Fault(path, why)

    def _why(self, value: Any) -> str | None:
        if value is None:
            return None
        if self.choices is not None and value not in self.choices:
            guess = did_you_mean(str(value), map(str, self.choices))
            return f"must be {self.words()}; is {shown(value)}{guess}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if not math.isfinite(value):
            return f"must be a finite number; is {value!r}"
        for name, bound in self.bounds().items():
            if not _COMPARISONS[name](value, bound):
                return f"must be {self.words()}; is {value!r}"
        return None


def number_words(number: float) -> str:
    """Return a number as a person writes it: `1`, `0.005`, `4294967295`."""
    return str(number) if isinstance(number, int) else f"{number:.12g}"


def param(
    default: Any = attrs.NOTHING,
    *,
    help: str,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Iterable[Any] | None = None,
    unit: str | None = None,
) -> Any:
    """Declare one parameter of a component, as a field of a frozen attrs class.

    The field's annotation is its type: `int`, `float`, `str`, `bool`, `Path`, a tuple of one of
    these, a `dict[str, ...]`, or any of them `| None`. Rules hold for every item of a tuple or
    table. A value that breaks a rule raises `ParameterError`, in Python as in a recipe.

    Args:
        default: the value where none is given; a parameter without a default is required.
        help: one line for the user.
        at_least: the lowest value.
        at_most: the highest value.
        above: a bound that is too low itself.
        below: a bound that is too high itself.
        choices: the only values that are allowed.
        unit: what the number counts, such as `days`.
    """
    all_choices = None if choices is None else tuple(choices)
    rule = Rule(help, at_least, at_most, above, below, all_choices, unit)

    def check(_instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        why = rule.broken_by(value)
        if why:
            raise ParameterError(attribute.name, why)

    return attrs.field(default=default, validator=check, metadata={_KEY: rule})


@frozen
class NoParams:
    """The parameters of a component that takes none."""


@frozen
class Parameter:
    """A parameter as `describe` shows it. `default` is `attrs.NOTHING` where one must be given."""

    name: str
    type: str
    default: Any
    rule: Rule

    @property
    def required(self) -> bool:
        return self.default is attrs.NOTHING


def parameters(cls: type) -> tuple[Parameter, ...]:
    """Return the parameters that `cls`, a frozen attrs class of `param()` fields, declares."""
    kinds = types_of(cls)
    found = []
    for field in attrs.fields(cls):
        words = type_words(kinds[field.name])
        found.append(Parameter(field.name, words, _default_of(field), rule_of(field)))
    return tuple(found)


def check_parameters(cls: type) -> None:
    """Check that a recipe can give every parameter, and that defaults keep their own rules.

    Raises:
        ValueError: a parameter has another type, or its default breaks its rule.
    """
    for field in attrs.fields(cls):
        kind, default = types_of(cls)[field.name], _default_of(field)
        if not _fits_recipes(kind):
            kinds = "int, float, str, bool, Path, a tuple of one of these, a dict[str, ...]"
            found = kind.__name__ if isinstance(kind, type) and not get_args(kind) else kind
            raise ValueError(f"{field.name}: must be {kinds} or any of them | None; is {found}")
        if default is not attrs.NOTHING:
            for fault in _structure_field(field, plain(default), kind).faults:
                raise ValueError(f"{field.name}: its default {fault.message}")


def _fits_recipes(kind: Any) -> bool:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return all(part is type(None) or _fits_recipes(part) for part in arguments)
    if origin is tuple:
        return all(
            part is Ellipsis or (part is arguments[0] and _fits_recipes(part)) for part in arguments
        )
    if origin is dict:
        return arguments[0] is str and _fits_recipes(arguments[1])
    return kind in _WORDS


def _default_of(field: attrs.Attribute[Any]) -> Any:
    default: Any = field.default
    if isinstance(default, attrs.Factory) and not default.takes_self:  # type: ignore[arg-type]
        return default.factory()
    return default


def rule_of(field: attrs.Attribute[Any]) -> Rule:
    """Return the rule that `param()` gave `field`; a plain attrs field has an empty one."""
    rule: Rule = field.metadata.get(_KEY, Rule(help=""))
    return rule


@functools.cache
def types_of(cls: type) -> dict[str, Any]:
    """Return the annotations of `cls`, resolved from text to types."""
    return typing.get_type_hints(cls)


_WORDS = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
    bool: ("true or false", "true or false"),
    Path: ("a path", "paths"),
    Any: ("anything", "anything"),
}


def type_words(kind: Any, *, many: bool = False) -> str:
    """Return a type in the words of an error message: `a list of whole numbers`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(
            "null" if part is type(None) else type_words(part, many=many) for part in arguments
        )
    if origin is tuple and arguments[-1] is not Ellipsis:
        return f"a list of {len(arguments)} {type_words(arguments[0], many=True)}"
    if origin is tuple:
        return f"a list of {type_words(arguments[0], many=True)}"
    if origin is dict:
        return f"a table of {type_words(arguments[1], many=True)}"
    return _WORDS[kind][many] if kind in _WORDS else str(getattr(kind, "__name__", kind))


# From plain values to a parameter object


@frozen
class Structured:
    """The object made of plain values, or None and every fault."""

    value: Any
    faults: tuple[Fault, ...] = ()


def structure(
    cls: type,
    values: Mapping[str, Any],
    *,
    owner: str,
    base: Callable[[str], Path] = lambda _key: Path(),
    other_keys: Iterable[str] = (),
) -> Structured:
    """Make a `cls` of plain values, strictly, and find every fault in one pass.

    `true` is not a number, `3` is accepted for a float, a string is never converted.

    Args:
        cls: a frozen attrs class of `param()` fields.
        values: the plain values by parameter.
        owner: the name that messages use.
        base: gives the folder from which a relative path of a parameter starts.
        other_keys: the further keys of the same table, which a misspelt key may mean.
    """
    fields = {field.name: field for field in attrs.fields(cls)}
    unknown = [key for key in values if key not in fields]
    known = (*fields, *other_keys)
    meant = {nearest(key, known) for key in unknown}
    faults = [
        Fault((key,), f"unknown parameter of {owner}{did_you_mean(key, known)}", on_key=True)
        for key in unknown
    ]
    found: dict[str, Any] = {}
    for name, field in fields.items():
        if name in values:
            outcome = _structure_field(field, values[name], types_of(cls)[name])
            faults += [Fault((name, *fault.path), fault.message) for fault in outcome.faults]
            found[name] = _rebased(outcome.value, base(name))
        elif (default := _default_of(field)) is not attrs.NOTHING:
            # a default of 5 for a float is 5.0 too
            found[name] = structure_value(plain(default), types_of(cls)[name]).value
        elif name not in meant:
            message = f"{owner} needs {name}: {rule_of(field).help}"
            faults.append(Fault((), message.removesuffix(": ")))
    return Structured(None, tuple(faults)) if faults else _made(cls, found, owner, values)


def _structure_field(field: attrs.Attribute[Any], value: Any, kind: Any) -> Structured:
    outcome = structure_value(value, kind)
    broken = () if outcome.faults else tuple(rule_of(field).faults(outcome.value))
    return Structured(None, broken) if broken else outcome


def _rebased(value: Any, folder: Path) -> Any:
    """Return `value` with every relative path in it taken from `folder`."""
    if isinstance(value, tuple):
        return tuple(_rebased(item, folder) for item in value)
    if isinstance(value, Mapping):
        return {key: _rebased(item, folder) for key, item in value.items()}
    return folder / value.expanduser() if isinstance(value, Path) else value


def _made(cls: type, found: Mapping[str, Any], owner: str, values: Mapping[str, Any]) -> Structured:
    try:
        return Structured(cls(**found))
    except ValueError as error:  # a rule between parameters, in __attrs_post_init__
        fault = Fault((), str(error))
        if isinstance(error, ParameterError) and error.path[0] in values:
            fault = Fault(error.path, error.message)
    except Exception as error:  # an error in such a rule, which must not stop the reader
        fault = Fault((), f"checking {owner} raised {type(error).__name__}: {error}")
    return Structured(None, (fault,))


def structure_value(value: Any, kind: Any) -> Structured:
    """Return `value` as a `kind`, or the faults that say why it is not one."""
    try:
        return Structured(_converter().structure(value, kind))
    except Exception as error:  # cattrs wraps whatever a hook raises; _leaves takes it apart
        return Structured(None, tuple(_leaves(error, ())))


def plain(value: Any) -> Any:
    """Return `value` as YAML and JSON can hold it: tables, lists, numbers and text."""
    if attrs.has(type(value)):
        return {
            field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))
        }
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _leaves(error: BaseException, path: tuple[str | int, ...]) -> Iterator[Fault]:
    if isinstance(error, cattrs.IterableValidationError):
        grouped, _ = error.group_exceptions()
        for inner, note in grouped:
            yield from _leaves(inner, (*path, note.index))
    else:
        yield Fault(path, str(error))


def _refused(value: Any, kind: Any) -> TypeError:
    return TypeError(f"must be {type_words(kind)}; is {shown(value)}")


def _exactly(*accepted: type) -> Callable[[Any, Any], Any]:
    def hook(value: Any, kind: Any) -> Any:
        if type(value) not in accepted:
            raise _refused(value, kind)
        return kind(value)

    return hook


def _as_path(value: Any, kind: Any) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _refused(value, kind)
    try:
        Path(value).expanduser()
    except RuntimeError:
        raise TypeError(f"must be a path; found no home folder for {shown(value)}") from None
    return Path(value)


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook(bool, _exactly(bool))
    converter.register_structure_hook(int, _exactly(int))
    converter.register_structure_hook(float, _exactly(float, int))
    converter.register_structure_hook(str, _exactly(str))
    converter.register_structure_hook(Path, _as_path)
    converter.register_structure_hook_func(_originates(tuple), _as_tuple)
    converter.register_structure_hook_func(_originates(Union, types.UnionType), _as_union)
    converter.register_structure_hook_func(_originates(dict), _as_table)
    return converter


def _originates(*origins: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) in origins


def _as_tuple(value: Any, kind: Any) -> tuple[Any, ...]:
    arguments = get_args(kind)
    exact = None if arguments[-1] is Ellipsis else len(arguments)
    if not isinstance(value, list | tuple) or exact not in (None, len(value)):
        raise _refused(value, kind)
    items: Any = list[arguments[0]]  # type: ignore[valid-type]  # known at run time only
    return tuple(_converter().structure(list(value), items))


def _as_table(value: Any, kind: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _refused(value, kind)
    key, item = get_args(kind)
    table: Any = Mapping[key, item]  # type: ignore[valid-type]  # known at run time only
    return dict(_converter().structure(value, table))


def _as_union(value: Any, kind: Any) -> Any:
    options = [option for option in get_args(kind) if option is not type(None)]
    if value is None and len(options) < len(get_args(kind)):
        return None
    if len(options) == 1:
        return _converter().structure(value, options[0])
    for option in options:
        try:
            return _converter().structure(value, option)
        except Exception:  # the next type may fit; if none does, that is reported below
            continue
    raise _refused(value, kind)
