"""What is wrong with the plugins that are here, and what is worth knowing of them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from cfplug.plugin.loader import LIMIT, Plugin
from cfplug.plugin.registry import Registry
from cfplug.plugin.requirements import install_line, unmet, versions
from cfplug.plugin.tracing import TRACE

VARIABLES = (LIMIT, TRACE)
"""The environment that the core reads."""

SLOW = 300.0
"""Milliseconds of import that are worth a word; a manifest that imports attrs and cfplug alone takes a few."""

MANY = 5
"""Clashes of two plugins over one kind that are told one by one."""


@frozen
class Diagnosis:
    """`wrong`: what must be mended; `notes`: what costs time or could surprise. Each is a text of one or more lines."""

    wrong: tuple[str, ...]
    notes: tuple[str, ...]


def diagnose(registry: Registry, environment: Mapping[str, str] = os.environ) -> Diagnosis:
    """Everything that can be told without running a component."""
    broken = tuple(plugin.why for plugin in registry.broken)
    wrong = (*registry.words, *broken, *_missing(registry.plugins))
    return Diagnosis(wrong, (*_clashes(registry), *_slow(registry.plugins), *_strays(environment)))


def variables(environment: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    """What the core reads, set or not, and every other variable of that look that is set."""
    others = sorted(
        name for name in environment if name.startswith("CFPLUG_") and name not in VARIABLES
    )
    return [(name, environment.get(name) or "not set") for name in (*VARIABLES, *others)]


def _missing(plugins: Sequence[Plugin]) -> Iterator[str]:
    """What a distribution asks for and has not, where no broken plugin says so already."""
    version_of, told = versions(), "\n".join(plugin.why for plugin in plugins)
    owners = {plugin.distribution: plugin for plugin in plugins if plugin.state != "off"}
    for distribution, plugin in owners.items():
        needs = [
            need for need in unmet(plugin.requires, version_of) if f"it needs {need}" not in told
        ]
        if needs:
            who = f"{distribution} {plugin.version}".rstrip()
            reasons = [f"  it needs {need}" for need in needs]
            yield "\n".join(
                [
                    f"{who} has not all it needs",
                    *reasons,
                    f"  {install_line([n.text for n in needs])}",
                ]
            )


def _clashes(registry: Registry) -> Iterator[str]:
    clashes = registry.clashes()
    yield from clashes[:MANY]
    if len(clashes) > MANY:
        yield f"and {len(clashes) - MANY:,} more names that two plugins give; each full name, plugin/name, still works"


def _slow(plugins: Sequence[Plugin]) -> Iterator[str]:
    """Manifests that every command has to wait for."""
    for plugin in plugins:
        took = f"plugin {plugin.title} took {plugin.milliseconds:,.0f} ms to import"
        if plugin.heavy:
            yield (
                f"{took}: its manifest loads {', '.join(plugin.heavy)}\n"
                "  every command waits for that; its author should import inside the functions that do the work"
            )
        elif plugin.milliseconds > SLOW:
            yield f"{took}; every command waits for that"


def _strays(environment: Mapping[str, str]) -> Iterator[str]:
    """Variables that nobody reads, if they look like one that is read."""
    for name in sorted(environment):
        near = difflib.get_close_matches(
            name, VARIABLES, n=1, cutoff=0.9
        )  # CFPLUG_CACHE is a plugin's, no CFPLUG_TRACE
        if near and name not in VARIABLES:
            yield f"the variable {name} is set, and cfplug reads none of that name; did you mean {near[0]}?"
