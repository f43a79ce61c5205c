"""Write REFERENCE.md, and update the code in the pages for authors of plugins."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

import cfplug
from cfplug import testing
from cfplug.errors import plural
from cfplug.params import parameters, plain
from cfplug.plugin import hookspecs
from cfplug.plugin.components import KINDS, Component
from cfplug.plugin.registry import HOOK_OF, Registry, load
from cfplug.testing.check import MODULES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "plugins" / "REFERENCE.md"
WITH_CODE = (ROOT / "README.md", ROOT / "plugins" / "README.md")
"""The pages whose code comes from files that the tests run."""

HEAD = """\
# Reference for authors of plugins

Written by `make docs` from the code itself; [README.md](README.md) is where to begin.

- [Hooks](#hooks), each with its exact arguments
- [Kinds of component](#kinds-of-component), each with the exact signature of its functions
- [Parameters](#parameters)
- [Classes](#classes) that functions get and return
- [Checks](#checks) of `plugin_checks` and `cfplug check-plugin`
- [Public names](#public-names)
- [Components](#components) that come with cfplug
"""


DATA = (
    "cfplug.Context",
    "cfplug.Dataset",
    "cfplug.Scale",
    "cfplug.Split",
    "cfplug.Interactions",
    "cfplug.Batch",
    "cfplug.Spec",
    "cfplug.data.features.Feature",
    "cfplug.FittedModel",
    "cfplug.prediction.evidence.Evidence",
    "cfplug.Predictions",
    "cfplug.Newcomers",
    "cfplug.Section",
    "cfplug.Table",
    "cfplug.Chart",
    "cfplug.report.elements.Interval",
)
"""The classes that functions of components get or return."""


def with_code(text: str) -> str:
    """Return `text` with each `<!-- code: FILE -->` block filled with that file."""

    def block(mark: re.Match[str]) -> str:
        file = ROOT / mark["file"]
        language = {".py": "python", ".yaml": "yaml"}[file.suffix]
        code = file.read_text(encoding="utf-8")
        return f"<!-- code: {mark['file']} -->\n\n```{language}\n{code}```\n\n<!-- code: end -->"

    return re.sub(
        r"<!-- code: (?P<file>\S+) -->.*?<!-- code: end -->", block, text, flags=re.DOTALL
    )


def page(registry: Registry) -> str:
    """Return the whole reference as Markdown."""
    parts = (_hooks(), _kinds(), _params(), _classes(), _laws(), _names(), _components(registry))
    return "\n".join([HEAD, *("\n".join(part) for part in parts)]) + "\n"


def _hooks() -> Iterator[str]:
    yield "## Hooks\n"
    yield "Mark a function of your module with `@cfplug.hookimpl`; its name is that of the hook.\n"
    for name, hook in vars(hookspecs).items():
        if not name.startswith("cfplug_"):
            continue
        arguments = ", ".join(inspect.signature(hook).parameters)
        yield f"### `{name}({arguments})`\n\n{inspect.getdoc(hook)}\n"
        if arguments:
            yield from _event(hook)
        else:
            (kind,) = (kind for kind, its_hook in HOOK_OF.items() if its_hook == name)
            yield f"Returns a list of `cfplug.{KINDS[kind].__name__}`.\n"


def _event(hook: Any) -> Iterator[str]:
    """Yield the class of an observer's argument and its fields."""
    name = inspect.signature(hook).parameters["event"].annotation
    event = getattr(hookspecs, str(name))
    fields = ", ".join(f"`{field.name}`" for field in attrs.fields(event))
    yield f"`event` is a `{event.__module__}.{event.__name__}` with {fields}. {_prose(event)}\n"


def _prose(thing: object) -> str:
    """Return the docstring."""
    return inspect.getdoc(thing) or ""


def _kinds() -> Iterator[str]:
    yield "## Kinds of component\n"
    for kind, declaration in KINDS.items():
        yield f"### {kind}: `cfplug.{declaration.__name__}`\n\n{_prose(declaration)}\n"
        yield "| field | default |\n| --- | --- |"
        yield from (
            f"| `{field.name}` | {_default(field.default)} |" for field in attrs.fields(declaration)
        )
        verbs = (
            f"`{verb}({', '.join(arguments)})`"
            for verb, arguments in declaration.signatures.items()
        )
        reserved = ", ".join(f"`{key}`" for key in declaration.reserved)
        yield f"\nFunctions: {', '.join(verbs)}. No parameter may be called {reserved}.\n"


def _default(default: Any) -> str:
    if default is attrs.NOTHING:
        return "(needed)"
    return f"`{default.__name__ if isinstance(default, type) else json.dumps(default)}`"


def _params() -> Iterator[str]:
    arguments = inspect.signature(cfplug.param).parameters.values()
    names = ", ".join(argument.name for argument in arguments)
    yield "## Parameters\n"
    yield "A component's parameters are a frozen attrs class; `cfplug.param` makes its fields.\n"
    yield f"`cfplug.param({names})`\n\n{_prose(cfplug.param)}\n"


def _classes() -> Iterator[str]:
    yield "## Classes\n"
    for full_name in DATA:
        module, _, name = full_name.rpartition(".")
        its_class = getattr(importlib.import_module(module), name)
        fields = [field.name for field in attrs.fields(its_class) if not field.name.startswith("_")]
        listed = ", ".join(f"`{field}`" for field in fields)
        yield f"### `{full_name}`\n\n{_prose(its_class)}\n\nFields: {listed}.\n"
        methods = dict(_methods(its_class))
        if methods:
            yield "| method or property | result |\n| --- | --- |"
            yield from (f"| `{call}` | {summary} |" for call, summary in methods.items())
            yield ""


def _methods(its_class: type) -> Iterator[tuple[str, str]]:
    """Yield the public methods and properties of a class, with their docstrings' first lines."""
    for name, member in vars(its_class).items():
        function = getattr(member, "__func__", member)
        summary = (inspect.getdoc(member) or "").partition("\n")[0]
        if name.startswith("_") or not summary:
            continue
        if isinstance(member, property | functools.cached_property):
            yield name, summary
        elif inspect.isfunction(function):
            _, *arguments = inspect.signature(function).parameters  # without self or cls
            yield f"{name}({', '.join(arguments)})", summary


def _laws() -> Iterator[str]:
    yield "## Checks\n"
    yield "The id of a check is `kind/component/check` or `plugin/check`.\n"
    for room, module in MODULES.items():
        owner = {"plugin": "A plugin as a whole", "component": "Every component"}.get(
            room, f"A {room}"
        )
        yield f"### {owner}\n\n| check | what it requires |\n| --- | --- |"
        yield from (
            f"| `{check.name}` | {check.summary} |"
            for check in importlib.import_module(module).CHECKS
        )
        yield ""


def _names() -> Iterator[str]:
    yield "## Public names\n\nOf `cfplug`:\n\n| name | what it is |\n| --- | --- |"
    yield from _rows(
        {name: getattr(cfplug, name) for name in cfplug.__all__ if name != "__version__"}
    )
    yield "\nOf `cfplug.testing`:\n\n| name | what it is |\n| --- | --- |"
    yield from _rows({name: getattr(testing, name) for name in testing.__all__})
    yield ""


def _rows(names: Mapping[str, Any]) -> Iterator[str]:
    for name, thing in names.items():
        summary = (
            inspect.getdoc(thing) if callable(thing) else f"the words {', '.join(map(str, thing))}"
        )
        yield f"| `{name}` | {(summary or '').partition(chr(10))[0]} |"


def _components(registry: Registry) -> Iterator[str]:
    yield "## Components\n"
    for kind in KINDS:
        yield f"### {plural(kind).capitalize()}\n"
        for entry in registry.entries(kind):
            if entry.plugin.distribution == "cfplug":
                yield from _component(entry.full_name, entry.component)


def _component(full_name: str, component: Component) -> Iterator[str]:
    yield f"**`{full_name}`** {component.summary}\n"
    known = parameters(component.params)
    if known:
        yield "| parameter | default | takes | what it is |\n| --- | --- | --- | --- |"
    for each in known:
        default = (
            "(needed)"
            if each.required
            else f"`{json.dumps(plain(each.default), ensure_ascii=False)}`"
        )
        takes = ", ".join(
            filter(None, (each.type, each.rule.words(), each.rule.unit and f"in {each.rule.unit}"))
        )
        yield f"| `{each.name}` | {default} | {takes} | {each.rule.help} |"
    if known:
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page(load()), encoding="utf-8")
    for each in WITH_CODE:
        each.write_text(with_code(each.read_text(encoding="utf-8")), encoding="utf-8")
