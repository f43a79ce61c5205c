"""Checks of a plugin as a whole: its manifest loads quickly and silently, the same each time."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import attrs
from attrs import frozen

from cfplug.params import parameters
from cfplug.plugin.components import Component
from cfplug.plugin.registry import HOOK_OF
from cfplug.testing.check import Check, CheckError, Subject

HEAVY = (
    *("torch", "fastai", "pandas", "scipy", "sklearn"),
    *("matplotlib", "pyarrow", "altair", "tensorflow", "jax"),
)
"""Packages that take longer to import than `cfplug list` takes; numpy is fast enough."""

_IMPORT_ONE = """
import contextlib, importlib, io, json, sys
from pathlib import Path
import cfplug
from cfplug.plugin.discovery import in_folders, installed

name, distribution = sys.argv[1:]
found = in_folders([Path(distribution).parent]) if distribution.endswith(".py") else installed()
plugin = next(each for each in found if (each.name, each.distribution) == (name, distribution))
before, printed = set(sys.modules), io.StringIO()
with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
    for hook in vars(plugin.load()).values():
        if getattr(hook, "cfplug_impl", None) is not None and not hook.__code__.co_argcount:
            hook()
print(json.dumps({"loaded": sorted(set(sys.modules) - before), "printed": printed.getvalue()}))
"""
"""A program that imports one manifest, calls its hooks without arguments, prints the effects."""


@frozen
class Import:
    """The modules that importing a manifest alone loaded, and what it printed."""

    loaded: tuple[str, ...]
    printed: str


def loads(subject: Subject) -> None:
    """Load without an error, with valid declarations."""
    if subject.plugin.state != "ok":
        raise CheckError(subject.plugin.why)


def imports_nothing_heavy(subject: Subject) -> None:
    """Import no torch, fastai, pandas, scipy or the like in the manifest, so commands stay fast."""
    loaded = _import_alone(subject).loaded
    heavy = [name for name in HEAVY if name in loaded]
    if heavy:
        raise CheckError(
            f"manifest of {subject.plugin.name}: expected no heavy import, got {', '.join(heavy)}. "
            "Move what needs them into another module and name its functions as text "
            '("package.module:function"), or import them inside the function.'
        )


def prints_nothing(subject: Subject) -> None:
    """Print nothing while the manifest is imported and its components are listed."""
    printed = _import_alone(subject).printed.strip()
    if printed:
        line = printed.partition("\n")[0]
        raise CheckError(
            f"manifest of {subject.plugin.name}: expected no output, got {line!r}. Print nothing."
        )


def has_distribution_and_version(subject: Subject) -> None:
    """Have the name and version of a distribution, which every run folder keeps."""
    plugin = subject.plugin
    if plugin.distribution in ("", "unknown") or not plugin.version:
        name, version = plugin.distribution or "none", plugin.version or "without a version"
        raise CheckError(
            f"plugin {plugin.name}: expected a distribution with a version, got {name} {version}. "
            "Install the plugin again."
        )


def components_are_found(subject: Subject) -> None:
    """Have components that are found by their full names, `plugin/name`."""
    for kind, component in subject.plugin.components:
        name = f"{subject.plugin.name}/{component.name}"
        if subject.registry.find(kind, name).component is not component:
            raise CheckError(
                f"{kind} {name}: expected this component by its full name, got another one. "
                "Give each component of a kind a name of its own."
            )


def hooks_give_the_same_twice(subject: Subject) -> None:
    """Give the same declarations each time a hook is called."""
    for kind, hook in HOOK_OF.items():
        components = [each for its_kind, each in subject.plugin.components if its_kind == kind]
        before = [_declaration(each) for each in components]
        again = [_declaration(each) for each in _call(subject, hook)]
        if again != before:
            names, new_names = ([each["name"] for each in found] for found in (before, again))
            difference = f"got {new_names}" if names != new_names else "got other contents"
            raise CheckError(
                f"{hook} of {subject.plugin.name}: expected {names} in each call, {difference}. "
                "Declare the same components whenever the hook is called."
            )


def _is_ok(subject: Subject) -> bool:
    return subject.plugin.state == "ok"


def _is_installed(subject: Subject) -> bool:
    return _is_ok(subject) and not subject.plugin.distribution.endswith(".py")


@functools.lru_cache(maxsize=64)
def _import_alone(subject: Subject) -> Import:
    """Import the manifest in a new process."""
    plugin = subject.plugin
    options = [sys.executable, "-W", "ignore", "-c", _IMPORT_ONE]
    done = subprocess.run(
        [*options, plugin.name, plugin.distribution],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise CheckError(
            f"manifest of {plugin.name}: expected that a new process imports it, got {lines[-1]}"
        )
    effects = json.loads(done.stdout.splitlines()[-1])
    return Import(tuple(effects["loaded"]), effects["printed"])


def _call(subject: Subject, hook: str) -> Iterator[Component]:
    """Yield what a hook of the plugin gives now."""
    manager = subject.registry.manager
    module = manager.get_plugin(subject.plugin.name)
    others = [other for other in manager.get_plugins() if other is not module]
    if hook in subject.plugin.hooks:
        for answer in manager.subset_hook_caller(hook, others)():
            yield from answer


def _declaration(component: Component) -> dict[str, Any]:
    """Return a declaration as plain data, functions by name, since each call may make new ones."""
    values: dict[str, Any] = {}
    for field in attrs.fields(type(component)):
        value = getattr(component, field.name)
        values[field.name] = getattr(value, "__qualname__", value)
    return {**values, "params": parameters(component.params)}


CHECKS = (
    Check(loads),
    Check(imports_nothing_heavy, _is_ok),
    Check(prints_nothing, _is_ok),
    Check(has_distribution_and_version, _is_installed),
    Check(components_are_found, _is_ok),
    Check(hooks_give_the_same_twice, _is_ok),
)
