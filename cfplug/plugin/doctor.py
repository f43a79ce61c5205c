"""Find what is wrong with the installed plugins, and what is useful to know about them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from types import ModuleType

from cfplug.plugin.loader import LIMIT
from cfplug.plugin.registry import TRACE, Registry
from cfplug.plugin.requirements import unmet_lines

HEAVY = ("torch", "fastai", "tensorflow", "jax", "mlflow", "pandas", "scipy", "sklearn", "pyarrow")
"""Packages that a manifest should not import: every command would wait for them."""


def problems(registry: Registry) -> list[str]:
    """Return what must be repaired: broken plugins, wrong settings, unmet requirements."""
    found = [*registry.messages, *(plugin.why for plugin in registry.broken)]
    working = {each.distribution: each for each in registry.plugins if each.state == "ok"}
    for plugin in working.values():
        if lines := unmet_lines(plugin.requires):
            owner = f"{plugin.distribution} {plugin.version}".rstrip()
            found.append("\n".join([f"{owner} lacks some of its requirements", *lines]))
    return found


def notes(registry: Registry) -> Iterator[str]:
    """Yield the names that clash, and the manifests that import something heavy."""
    yield from registry.clashes()
    for plugin in registry.plugins:
        values = vars(registry.manager.get_plugin(plugin.name)) if plugin.state == "ok" else {}
        modules = [value.__name__ for value in values.values() if isinstance(value, ModuleType)]
        packages = {name.partition(".")[0] for name in modules}
        heavy = [name for name in HEAVY if name in packages]
        if heavy:
            yield (
                f"plugin {plugin.title} imports {', '.join(heavy)}; every command waits for that. "
                "Import inside the functions that do the work."
            )


def variables(environment: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    """Return the variables that the core reads, set or not, and any other CFPLUG_ that is set."""
    others = {name for name in environment if name.startswith("CFPLUG_")} - {LIMIT, TRACE}
    return [(name, environment.get(name) or "not set") for name in (LIMIT, TRACE, *sorted(others))]
