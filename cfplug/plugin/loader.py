"""Load one plugin: import it, check its hooks, collect its components; or say why it is broken."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import reprlib
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import attrs
import pluggy
from attrs import frozen

from cfplug.errors import error_text, nearest
from cfplug.plugin import hookspecs
from cfplug.plugin.components import KINDS, Component
from cfplug.plugin.discovery import BrokenError, Candidate
from cfplug.plugin.requirements import install_line, unmet

LIMIT = "CFPLUG_PLUGINS"
OWN = "cfplug"

HOOK_OF = {
    "source": "cfplug_sources",
    "split": "cfplug_splits",
    "model": "cfplug_models",
    "loss": "cfplug_losses",
    "metric": "cfplug_metrics",
    "cold-start": "cfplug_cold_starts",
    "analyzer": "cfplug_analyzers",
}
"""The hook of each kind."""

HEAVY = (
    "torch",
    "fastai",
    "tensorflow",
    "jax",
    "mlflow",
    "pandas",
    "scipy",
    "sklearn",
    "pyarrow",
    "numpy",
)
"""What a manifest should not import: every command would wait for it."""


@frozen
class Plugin:
    """A plugin after loading.

    `state` is ok, broken or off, and `why` says why it is not ok. `heavy` are the modules of HEAVY
    that its import was the first to load; `key` is what CFPLUG_PLUGINS calls it.
    """

    name: str
    distribution: str
    version: str
    state: str
    why: str = ""
    components: tuple[tuple[str, Component], ...] = ()
    hooks: tuple[str, ...] = ()
    milliseconds: float = 0.0
    file: str = ""
    requires: tuple[str, ...] = ()
    heavy: tuple[str, ...] = ()
    key: str = ""

    @property
    def title(self) -> str:
        """Return `name (distribution version)`."""
        return f"{self.name} ({self.distribution} {self.version})".replace(" )", ")")


def switching_off(limit: str, *keys: str) -> str:
    """Return the setting that leaves out these plugins too, after the setting `limit`."""
    settings = [limit] if limit else []
    settings += [f"-{key}" for key in dict.fromkeys(keys)]
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
        started = time.perf_counter()
        heavy_before = {name for name in HEAVY if name in sys.modules}
        try:
            plugin = self._healthy(candidate, earlier)
        except BrokenError as error:
            plugin = self._broken(candidate, error)
        heavy = tuple(name for name in HEAVY if name in sys.modules and name not in heavy_before)
        milliseconds = (time.perf_counter() - started) * 1000
        return attrs.evolve(plugin, heavy=heavy, milliseconds=milliseconds)

    def off(self, candidate: Candidate) -> Plugin:
        """Return the plugin that CFPLUG_PLUGINS leaves out; it is not imported."""
        return self._plugin(candidate, "off", f"switched off by {LIMIT}")

    def _plugin(self, candidate: Candidate, state: str, why: str = "") -> Plugin:
        return Plugin(
            candidate.name,
            candidate.distribution,
            candidate.version,
            state,
            why,
            requires=candidate.requires,
            key=candidate.exact_name if candidate.name in self.shared else candidate.name,
        )

    def _healthy(self, candidate: Candidate, earlier: Sequence[Plugin]) -> Plugin:
        _check_name(candidate, earlier)
        _check_own_version(candidate)
        with contextlib.redirect_stdout(sys.stderr):  # `--json` must stay JSON
            module = _import(candidate)
            components = self._register(candidate.name, module)
        return attrs.evolve(
            self._plugin(candidate, "ok"),
            components=components,
            hooks=self._hooks(module),
            file=str(getattr(module, "__file__", None) or ""),
        )

    def _broken(self, candidate: Candidate, error: BrokenError) -> Plugin:
        plugin = self._plugin(candidate, "broken")
        advice = f"switch it off with {switching_off(self.limit, plugin.key)}"
        if error.advice:
            advice = f"{error.advice}; or {advice}"
        why = f"plugin {plugin.title} is broken: {error.why}\n  {advice}"
        return attrs.evolve(plugin, why=why)

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


def _check_name(candidate: Candidate, earlier: Sequence[Plugin]) -> None:
    for other in earlier:
        if other.name == candidate.name and other.state == "ok":
            advice = "uninstall one of the two"
            if candidate.is_file:
                advice = "give the file another name"
            raise BrokenError(f"another plugin has this name: {other.title}", advice)


def _check_own_version(candidate: Candidate) -> None:
    """Refuse a plugin for another cfplug before the import, which would fail less clearly."""
    for requirement in unmet(candidate.requires, of=OWN):
        raise BrokenError(f"it requires {requirement}", _upgrade_advice(candidate))


def _import(candidate: Candidate) -> ModuleType:
    try:
        with blaming("importing it"):
            module = candidate.load()
    except BrokenError as broken:
        if isinstance(broken.__cause__, ImportError):
            raise _with_missing(candidate, broken, broken.__cause__) from broken
        raise
    if not isinstance(module, ModuleType):
        raise BrokenError(f"its entry point must name a module; got {shown_value(module)}")
    return module


def _with_missing(candidate: Candidate, broken: BrokenError, error: ImportError) -> BrokenError:
    """Add what to install: the unmet requirements, else the module that was not found."""
    if requirements := list(unmet(candidate.requires)):
        lines = [broken.why]
        lines += [f"  it requires {requirement}" for requirement in requirements]
        texts = [requirement.text for requirement in requirements]
        return BrokenError("\n".join(lines), _install_advice(texts))
    missing = (error.name or "").partition(".")[0]
    if missing == OWN:
        return attrs.evolve(broken, advice=_upgrade_advice(candidate))
    is_its_own = missing in ("", candidate.module.partition(".")[0])
    if is_its_own or not isinstance(error, ModuleNotFoundError):
        return broken
    return attrs.evolve(broken, advice=_install_advice([missing]))


def _upgrade_advice(candidate: Candidate) -> str:
    names = [OWN] if candidate.is_file else [OWN, candidate.distribution]
    return f"get versions that fit: {install_line(['--upgrade', *names])}"


def _install_advice(requirements: Sequence[str]) -> str:
    return f"install what is missing: {install_line(requirements)}"


# Checks of hooks and of what they return


_SPECS: Mapping[str, Callable[..., Any]] = {
    name: spec for name, spec in vars(hookspecs).items() if name.startswith("cfplug_")
}

_FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType)


def _check_hooks(module: ModuleType) -> None:
    """Refuse what pluggy would pass over, with the expected signature and the nearest hook."""
    has_hook = False
    for name, value in list(vars(module).items()):
        if isinstance(value, _FUNCTIONS) and _is_hook(name, value):
            has_hook = True
            _check_hook(name, value)
    if not has_hook:
        raise BrokenError(
            "it has no hook; mark functions such as cfplug_models with @cfplug.hookimpl"
        )


def _is_hook(name: str, function: Callable[..., Any]) -> bool:
    """Return whether a function is a hook, or was meant to be one."""
    if _mark(function) is not None:
        return True
    return name.startswith("cfplug_") and nearest(name, _SPECS) is not None


def _mark(function: Callable[..., Any]) -> dict[str, Any] | None:
    """Return what `@cfplug.hookimpl` left on `function`; None if it is not marked."""
    mark = getattr(function, "cfplug_impl", None)
    return mark if isinstance(mark, dict) else None


def _check_hook(name: str, function: Callable[..., Any]) -> None:
    found = _signature(function, name)
    mark = _mark(function)
    hook = (mark or {}).get("specname") or name
    if hook not in _SPECS:
        near = nearest(hook, _SPECS)
        advice = f"the hooks are {', '.join(_SPECS)}"
        if near is not None:
            advice = f"did you mean {_signature(_SPECS[near], near)}?"
        raise BrokenError(f"{found}: there is no hook called {hook}; {advice}")
    if mark is None:
        raise BrokenError(f"{found} is not marked; put @cfplug.hookimpl above it")
    if set(_arguments(function)) - set(_arguments(_SPECS[hook])):
        expected = _signature(_SPECS[hook], hook)
        raise BrokenError(f"{found} takes an unknown argument; expected {expected}")


def _arguments(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def _signature(function: Callable[..., Any], name: str) -> str:
    return f"{name}({', '.join(_arguments(function))})"


def _checked_components(kind: str, hook: str, answer: object) -> Iterator[Component]:
    expected = f"{hook} must return a list of cfplug.{KINDS[kind].__name__}"
    if not isinstance(answer, list | tuple):
        raise BrokenError(f"{expected}; got {shown_value(answer)}")
    names = set()
    for component in answer:
        if not isinstance(component, KINDS[kind]):
            raise BrokenError(f"{expected}; one entry is {shown_value(component)}")
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


def shown_value(value: object) -> str:
    """Return an unexpected value with its type, shortened."""
    if isinstance(value, Component):
        return f"cfplug.{type(value).__name__} {value.name}"
    return "None" if value is None else f"{type(value).__name__} {reprlib.repr(value)}"


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
    return not file.startswith((*_MACHINERY, "<"))
