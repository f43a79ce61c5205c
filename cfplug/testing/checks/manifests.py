"""Laws of a plugin as a whole: its manifest loads, quickly and quietly, and says the same each time."""

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
from cfplug.testing.check import BrokenLawError, Check, Subject

HEAVY = (
    "torch",
    "fastai",
    "pandas",
    "scipy",
    "sklearn",
    "matplotlib",
    "pyarrow",
    "altair",
    "tensorflow",
    "jax",
)
"""What a manifest may not load: each takes longer than everything that `cfplug list` does. numpy is light enough."""

_ALONE = """
import contextlib, importlib, io, json, sys
from pathlib import Path
import cfplug
from cfplug.plugin.discovery import in_folders, installed

name, distribution = sys.argv[1:]
found = in_folders([Path(distribution).parent]) if distribution.endswith(".py") else installed()
before, said = set(sys.modules), io.StringIO()
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    module = next(each for each in found if (each.name, each.distribution) == (name, distribution)).load()
    for hook in vars(module).values():
        if getattr(hook, "cfplug_impl", None) is not None and not hook.__code__.co_argcount:
            hook()
print(json.dumps({"loaded": sorted(set(sys.modules) - before), "said": said.getvalue()}))
"""
"""Imports one manifest in a process of its own, calls the hooks that list components, and tells what came of it."""


@frozen
class Import:
    """What importing a manifest alone did: the modules that it loaded, and what it printed."""

    loaded: tuple[str, ...]
    said: str


def loads(subject: Subject) -> None:
    """The plugin can be imported and its declarations are right."""
    if subject.plugin.state != "ok":
        raise BrokenLawError(subject.plugin.why)


def imports_nothing_heavy(subject: Subject) -> None:
    """Importing the manifest loads no torch, fastai, pandas, scipy or the like: every command would wait for it."""
    loaded = _alone(subject).loaded
    heavy = [name for name in HEAVY if name in loaded]
    if heavy:
        raise BrokenLawError(
            f"importing the manifest of {subject.plugin.name} loads {', '.join(heavy)}; put what needs it into "
            'a module of its own, which declarations name as text ("package.module:function"), or inside the function'
        )


def prints_nothing(subject: Subject) -> None:
    """Importing the manifest and listing its components prints nothing."""
    said = _alone(subject).said.strip()
    if said:
        line = said.partition("\n")[0]
        raise BrokenLawError(
            f"importing the manifest of {subject.plugin.name} prints {line!r}; it must be silent"
        )


def has_distribution_and_version(subject: Subject) -> None:
    """An installed plugin can be told by its distribution and version, which every run folder keeps."""
    plugin = subject.plugin
    if plugin.distribution in ("", "unknown") or not plugin.version:
        named = f"{plugin.distribution or 'none'} {plugin.version or 'without a version'}"
        raise BrokenLawError(
            f"the distribution of {plugin.name} is {named}; was it removed by half? install it again"
        )


def components_are_found(subject: Subject) -> None:
    """Every component is found by its full name, `plugin/name`."""
    for kind, component in subject.plugin.components:
        name = f"{subject.plugin.name}/{component.name}"
        entry = subject.registry.find(kind, name)
        if entry.component is not component:
            raise BrokenLawError(f"the {kind} {name} is not the one that is found by this name")


def hooks_say_the_same_twice(subject: Subject) -> None:
    """A hook that is called again gives the same declarations."""
    before = {
        kind: [_words(each) for its, each in subject.plugin.components if its == kind]
        for kind in HOOK_OF
    }
    for kind, hook in HOOK_OF.items():
        again = [_words(component) for component in _declared(subject, hook)]
        if again != before[kind]:
            names = [[words["name"] for words in each] for each in (before[kind], again)]
            told = (
                f"{names[0]}, then {names[1]}"
                if names[0] != names[1]
                else f"{names[0]} with other contents"
            )
            raise BrokenLawError(
                f"{hook} of {subject.plugin.name} gave {told}: it must not depend on when it is called"
            )


def _ok(subject: Subject) -> bool:
    return subject.plugin.state == "ok"


def _installed(subject: Subject) -> bool:
    return _ok(subject) and not subject.plugin.distribution.endswith(".py")


@functools.lru_cache(maxsize=64)
def _alone(subject: Subject) -> Import:
    """The manifest after it was imported in a fresh process."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        _ALONE,
        subject.plugin.name,
        subject.plugin.distribution,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BrokenLawError(
            f"the manifest of {subject.plugin.name} cannot be imported in a fresh process: {last}"
        )
    words = json.loads(done.stdout.splitlines()[-1])
    return Import(tuple(words["loaded"]), words["said"])


def _declared(subject: Subject, hook: str) -> Iterator[Component]:
    """What a hook of the plugin gives now."""
    manager = subject.registry.manager
    module = manager.get_plugin(subject.plugin.name)
    others = [other for other in manager.get_plugins() if other is not module]
    if hook in subject.plugin.hooks:
        for answer in manager.subset_hook_caller(hook, others)():
            yield from answer


def _words(component: Component) -> dict[str, Any]:
    """A declaration as plain data; a function or class is told by its name, as each call may make another."""
    values = {field.name: getattr(component, field.name) for field in attrs.fields(type(component))}
    named = {name: getattr(value, "__qualname__", value) for name, value in values.items()}
    return {**named, "params": parameters(component.params)}


CHECKS = (
    Check("loads", loads),
    Check("imports-nothing-heavy", imports_nothing_heavy, applies=_ok),
    Check("prints-nothing", prints_nothing, applies=_ok),
    Check("has-distribution-and-version", has_distribution_and_version, applies=_installed),
    Check("components-are-found", components_are_found, applies=_ok),
    Check("hooks-say-the-same-twice", hooks_say_the_same_twice, applies=_ok),
)
