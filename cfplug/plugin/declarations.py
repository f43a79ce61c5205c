"""What one module declares: its hooks, checked against the page of hooks, and the components that they return."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import reprlib
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import pluggy

from cfplug.errors import nearest
from cfplug.plugin import hookspecs
from cfplug.plugin.components import KINDS, Component
from cfplug.plugin.discovery import BrokenError, words_of

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


def register(
    manager: pluggy.PluginManager, name: str, module: ModuleType
) -> tuple[tuple[str, Component], ...]:
    """Register `module` and collect its declarations; unregister it again if anything is wrong."""
    if other := manager.get_name(module):
        raise BrokenError(f"its module {module.__name__} is the plugin {other} already")
    try:
        with blaming("registering it"):
            _check_hooks(module)
            manager.register(module, name)
            manager.check_pending()
            return tuple(_declarations(manager, module))
    except BaseException:
        if manager.has_plugin(name):
            manager.unregister(module, name)
        raise


_SPECS: Mapping[str, Callable[..., Any]] = {
    name: spec for name, spec in vars(hookspecs).items() if name.startswith("cfplug_")
}


_FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType)


class Manager(pluggy.PluginManager):
    """Looks for hooks among a module's functions alone: pluggy takes apart whatever a module has, which is slow."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        is_function = isinstance(vars(plugin).get(name), _FUNCTIONS)
        return super().parse_hookimpl_opts(plugin, name) if is_function else None


def _check_hooks(module: ModuleType) -> None:
    """What pluggy would also refuse or pass over, with the signature found, the one expected and the nearest hook."""
    functions = [
        (name, value) for name, value in vars(module).items() if isinstance(value, _FUNCTIONS)
    ]
    hooks = [(name, function) for name, function in functions if _is_hook(name, function)]
    for name, function in hooks:
        _check_hook(name, function)
    if not hooks:
        raise BrokenError(
            "it has no hook; mark functions such as cfplug_models with @cfplug.hookimpl"
        )


def _is_hook(name: str, function: Callable[..., Any]) -> bool:
    """Whether a function is a hook, or was meant to be one."""
    return _mark(function) is not None or (
        name.startswith("cfplug_") and nearest(name, _SPECS) is not None
    )


def _mark(function: Callable[..., Any]) -> dict[str, Any] | None:
    """What `@cfplug.hookimpl` left on `function`; None if it is not marked."""
    mark = getattr(function, "cfplug_impl", None)
    return mark if isinstance(mark, dict) else None


def _check_hook(name: str, function: Callable[..., Any]) -> None:
    found, mark = _signature(function, name), _mark(function)
    hook = (mark or {}).get("specname") or name
    if hook not in _SPECS:
        near = nearest(hook, _SPECS)
        advice = (
            f"did you mean {_signature(_SPECS[near])}?"
            if near
            else f"the hooks are {', '.join(_SPECS)}"
        )
        raise BrokenError(f"{found}: no hook is called {hook}; {advice}")
    if mark is None:
        raise BrokenError(f"{found} is not marked with @cfplug.hookimpl")
    if set(inspect.signature(function).parameters) - set(
        inspect.signature(_SPECS[hook]).parameters
    ):
        raise BrokenError(
            f"{found} has an argument that the hook has not; expected {_signature(_SPECS[hook])}"
        )


def _signature(function: Callable[..., Any], name: str = "") -> str:
    names = ", ".join(inspect.signature(function).parameters)
    return f"{name or function.__name__}({names})"


def hooks_of(manager: pluggy.PluginManager, module: ModuleType) -> tuple[str, ...]:
    return tuple(sorted(caller.name for caller in manager.get_hookcallers(module) or ()))


def _declarations(
    manager: pluggy.PluginManager, module: ModuleType
) -> Iterator[tuple[str, Component]]:
    others = [other for other in manager.get_plugins() if other is not module]
    hooks = hooks_of(manager, module)
    for kind, hook in HOOK_OF.items():
        if hook in hooks:
            with blaming(hook):
                answers = manager.subset_hook_caller(hook, others)()
            for answer in answers or [None]:  # pluggy leaves None out
                yield from _checked(kind, hook, answer)


def _checked(kind: str, hook: str, answer: object) -> Iterator[tuple[str, Component]]:
    wanted = KINDS[kind]
    if not isinstance(answer, list | tuple):
        raise BrokenError(
            f"{hook} must return a list of cfplug.{wanted.__name__}; returned {shown_value(answer)}"
        )
    names = set()
    for component in answer:
        if not isinstance(component, wanted):
            raise BrokenError(
                f"{hook} must return a list of cfplug.{wanted.__name__}; one entry is {shown_value(component)}"
            )
        if component.name in names:
            raise BrokenError(f"{hook} declares {component.name} twice")
        names.add(component.name)
        yield kind, component


# Whose fault it is


@contextlib.contextmanager
def blaming(what: str) -> Iterator[None]:
    """Whatever a plugin raises, be it SystemExit, becomes a BrokenError that says `what` raised it."""
    try:
        yield
    except (KeyboardInterrupt, BrokenError):
        raise
    except BaseException as error:
        raise BrokenError(f"{what} raised {words_of(error)}{last_line(error)}") from error


def shown_value(value: object) -> str:
    """A value that should be another, with its type, in a few words."""
    if isinstance(value, Component):
        return f"cfplug.{type(value).__name__} {value.name}"
    return "None" if value is None else f"{type(value).__name__} {reprlib.repr(value)}"


def last_line(error: BaseException) -> str:
    """The last line of the traceback that lies in the plugin: what its author must look at."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"\n  at {error.filename}:{error.lineno}: {(error.text or '').strip()}"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if _is_foreign(frame.filename)
    ]
    if not frames:
        return ""
    first = Path(frames[0].filename)
    home = f"{first.parent}{os.sep}" if first.name == "__init__.py" else str(first)
    last = [frame for frame in frames if frame.filename.startswith(home)][-1]
    return f"\n  at {last.filename}:{last.lineno}: {last.line}"


_MACHINERY = tuple(
    f"{Path(module.__file__ or '').parent}{os.sep}" for module in (importlib, pluggy, hookspecs)
)


def _is_foreign(file: str) -> bool:
    """Whether a frame belongs to a plugin rather than to what loads it: to importlib's copy on the index, for one."""
    return (
        not file.startswith((*_MACHINERY, "<"))
        and f"{os.sep}importlib_metadata{os.sep}" not in file
    )
