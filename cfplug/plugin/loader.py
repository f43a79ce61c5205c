"""Load one plugin: import it, check its hooks, collect its components; or say why it is broken."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import re
import reprlib
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import attrs
import pluggy
from attrs import frozen

from cfplug.errors import error_text, nearest, plural
from cfplug.plugin import hookspecs
from cfplug.plugin.components import KINDS, Component
from cfplug.plugin.discovery import BrokenError, Candidate
from cfplug.plugin.requirements import unmet, unmet_lines

LIMIT = "CFPLUG_PLUGINS"

HOOK_OF = {kind: f"cfplug_{plural(kind).replace('-', '_')}" for kind in KINDS}
"""The hook of each kind."""


@frozen
class Plugin:
    """A plugin after loading.

    `state` is ok, broken or off, and `why` says why it is not ok; `key` is what CFPLUG_PLUGINS
    calls it.
    """

    name: str
    distribution: str
    version: str
    state: str
    why: str = ""
    components: tuple[tuple[str, Component], ...] = ()
    hooks: tuple[str, ...] = ()
    file: str = ""
    requires: tuple[str, ...] = ()
    key: str = ""

    @property
    def title(self) -> str:
        """Return `name (distribution version)`."""
        return f"{self.name} ({self.distribution} {self.version})".replace(" )", ")")


def switching_off(limit: str, *keys: str) -> str:
    """Return the setting that leaves out these plugins too, after the setting `limit`."""
    settings = [limit] if limit else []
    for key in dict.fromkeys(keys):
        settings.append(f"-{key}")
    return f"{LIMIT}={','.join(settings)}"


@frozen
class Loader:
    """Loads candidates one at a time into `manager`.

    `limit` is the present value of CFPLUG_PLUGINS, `shared` are the names of several candidates.
    """

    manager: pluggy.PluginManager
    limit: str = ""
    shared: Collection[str] = ()

    def load(self, candidate: Candidate, earlier: Sequence[Plugin]) -> Plugin:
        """Return the plugin, ok or broken; the names of `earlier` plugins are taken."""
        plugin = self._plugin(candidate)
        try:
            _check_candidate(candidate, earlier)
            with contextlib.redirect_stdout(sys.stderr):  # `--json` must stay JSON
                module = _import(candidate)
                components = self._register(candidate.name, module)
        except BrokenError as error:
            lines = [
                f"plugin {plugin.title} is broken: {error}",
                *unmet_lines(plugin.requires),
                f"  switch it off with {switching_off(self.limit, plugin.key)}",
            ]
            return attrs.evolve(plugin, state="broken", why="\n".join(lines))
        return attrs.evolve(
            plugin,
            components=components,
            hooks=self._hooks(module),
            file=str(getattr(module, "__file__", None) or ""),
        )

    def off(self, candidate: Candidate) -> Plugin:
        """Return the plugin that CFPLUG_PLUGINS leaves out; it is not imported."""
        return attrs.evolve(self._plugin(candidate), state="off", why=f"switched off by {LIMIT}")

    def _plugin(self, candidate: Candidate) -> Plugin:
        return Plugin(
            candidate.name,
            candidate.distribution,
            candidate.version,
            "ok",
            requires=candidate.requires,
            key=candidate.exact_name if candidate.name in self.shared else candidate.name,
        )

    def _register(self, name: str, module: ModuleType) -> tuple[tuple[str, Component], ...]:
        """Register `module` and collect its components; unregister it if anything is wrong."""
        if other := self.manager.get_name(module):
            raise BrokenError(f"its module {module.__name__} is the plugin {other} already")
        try:
            with blaming("registering it"):
                _check_hooks(module)
                self.manager.register(module, name)
                self.manager.check_pending()
                return tuple(self._components(module))
        except BaseException:
            if self.manager.has_plugin(name):
                self.manager.unregister(module, name)
            raise

    def _hooks(self, module: ModuleType) -> tuple[str, ...]:
        return tuple(sorted(caller.name for caller in self.manager.get_hookcallers(module) or ()))

    def _components(self, module: ModuleType) -> Iterator[tuple[str, Component]]:
        others = [other for other in self.manager.get_plugins() if other is not module]
        hooks = self._hooks(module)
        for kind, hook in HOOK_OF.items():
            if hook not in hooks:
                continue
            with blaming(hook):
                answers = self.manager.subset_hook_caller(hook, others)()
            for answer in answers or [None]:  # pluggy leaves None out
                for component in _checked_components(kind, hook, answer):
                    yield kind, component


# Checks before and during the import


def _check_candidate(candidate: Candidate, earlier: Sequence[Plugin]) -> None:
    if candidate.fault:
        raise BrokenError(candidate.fault)
    for other in earlier:
        if other.name == candidate.name and other.state == "ok":
            raise BrokenError(f"another plugin has this name: {other.title}; remove or rename one")
    own = [line for line in candidate.requires if re.match(r"cfplug(?![\w-])", line, re.IGNORECASE)]
    if own and unmet(own):
        raise BrokenError("it is made for another version of cfplug")


def _import(candidate: Candidate) -> ModuleType:
    with blaming("importing it"):
        module = candidate.load()
    if not isinstance(module, ModuleType):
        raise BrokenError(f"its entry point must name a module; got {reprlib.repr(module)}")
    return module


# Checks of hooks and of what they return


_SPECS: Mapping[str, Callable[..., Any]] = {
    name: spec for name, spec in vars(hookspecs).items() if name.startswith("cfplug_")
}


def _check_hooks(module: ModuleType) -> None:
    """Refuse what pluggy would pass over, with the expected signature and the nearest hook."""
    has_hook = False
    for name, value in list(vars(module).items()):
        if not isinstance(value, FunctionType | MethodType | BuiltinFunctionType):
            continue
        mark = getattr(value, "cfplug_impl", None)
        if isinstance(mark, dict):
            has_hook = True
            _check_hook(name, value, mark["specname"] or name)
        elif name.startswith("cfplug_") and (near := nearest(name, _SPECS)):
            raise BrokenError(
                f"{name} is not marked; write {_signature(_SPECS[near], near)} below "
                "@cfplug.hookimpl"
            )
    if not has_hook:
        raise BrokenError(
            "it has no hook; mark functions such as cfplug_models with @cfplug.hookimpl"
        )


def _check_hook(name: str, function: Callable[..., Any], hook: str) -> None:
    near = hook if hook in _SPECS else nearest(hook, _SPECS)
    if near is None:
        raise BrokenError(f"hook: expected one of {', '.join(_SPECS)}, got {hook}")
    has_unknown = set(_arguments(function)) - set(_arguments(_SPECS[near]))
    if near != hook or has_unknown:
        expected = _signature(_SPECS[near], near)
        raise BrokenError(f"hook: expected {expected}, got {_signature(function, name)}")


def _arguments(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def _signature(function: Callable[..., Any], name: str) -> str:
    return f"{name}({', '.join(_arguments(function))})"


def _checked_components(kind: str, hook: str, answer: object) -> Iterator[Component]:
    expected = f"{hook} must return a list of cfplug.{KINDS[kind].__name__}"
    if not isinstance(answer, list | tuple):
        raise BrokenError(f"{expected}; got {reprlib.repr(answer)}")
    names = set()
    for component in answer:
        if not isinstance(component, KINDS[kind]):
            raise BrokenError(f"{expected}; one entry is {reprlib.repr(component)}")
        if component.name in names:
            raise BrokenError(f"{hook} declares {component.name} twice")
        names.add(component.name)
        yield component


# What plugins raise


@contextlib.contextmanager
def blaming(action: str) -> Iterator[None]:
    """Turn whatever a plugin raises, even SystemExit, into a BrokenError that names `action`."""
    try:
        yield
    except (KeyboardInterrupt, BrokenError):
        raise
    except BaseException as error:
        raise BrokenError(f"{action} raised {error_text(error)}{last_line(error)}") from error


def last_line(error: BaseException) -> str:
    """Return the last line of the traceback that is in the plugin: where its author must look."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"\n  at {error.filename}:{error.lineno}: {(error.text or '').strip()}"
    frames = traceback.extract_tb(error.__traceback__)
    foreign = [frame for frame in frames if _is_foreign(frame.filename)]
    if not foreign:
        return ""
    first = Path(foreign[0].filename)
    home = f"{first.parent}{os.sep}" if first.name == "__init__.py" else str(first)
    last = [frame for frame in foreign if frame.filename.startswith(home)][-1]
    return f"\n  at {last.filename}:{last.lineno}: {last.line}"


_MACHINERY = tuple(
    f"{Path(module.__file__ or '').parent}{os.sep}" for module in (importlib, pluggy, hookspecs)
)


def _is_foreign(file: str) -> bool:
    """Return whether a frame belongs to a plugin, not to what loads it."""
    # The backport of importlib.metadata loads entry points too, once anything has imported it.
    is_backport = "importlib_metadata" in Path(file).parts
    return not is_backport and not file.startswith((*_MACHINERY, "<"))
