"""Every broken manifest or declaration of the zoo fails the check meant for it, and no other."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from attrs import evolve

from cfplug.plugin.registry import Plugin, Registry, load
from cfplug.testing import Item, items, outcome
from cfplug.testing.checks.declarations import CHECKS as OF_DECLARATIONS
from cfplug.testing.checks.manifests import CHECKS as OF_MANIFESTS
from tests.testing.catching import Expected, assert_fails

ZOO = Path(__file__).parents[1] / "zoo"

DECLARATIONS: Expected = {
    "sound": {},
    "helpless": {
        "has-help": (
            "help of helpless: expected one line of text, got none. "
            "Set `help`, or give its parameters a docstring."
        )
    },
    "rambling": {
        "has-help": (
            "help of rambling: expected one line without spaces around it, "
            "got 'It says\\ntwo things.'"
        )
    },
    "wordless": {
        "parameters-have-help": (
            "help of Wordless.weight: expected one line of text, got none. "
            "Set it with cfplug.param(..., help=...)."
        )
    },
    "blank": {
        "parameters-have-help": (
            "unit of Blank.weight: expected one line without spaces around it, got 'points '"
        )
    },
    "homeless": {
        "functions-can-be-imported": (
            "score='mutant_manifests_of_nobody:error': expected no error, got "
            "ModuleNotFoundError: No module named 'mutant_manifests_of_nobody'. "
            "Name it as package.module:function."
        )
    },
    "nameless": {
        "functions-can-be-imported": (
            "score='mutant_manifests:errror': expected no error, got AttributeError: "
            "module 'mutant_manifests' has no attribute 'errror'. "
            "Name it as package.module:function."
        )
    },
    "swapped": {
        "functions-have-the-right-signature": (
            "score='mutant_manifests:swapped': expected the arguments (params, truth, "
            "prediction), got (params, prediction, truth)"
        )
    },
    "percent": {
        "parameters-survive-a-recipe": (
            "recipe with {share: 0.5}: expected {share: 0.005} again from the resolved recipe, "
            "got {share: 5e-05}. Change no parameter while the object is made."
        )
    },
}
"""The check that each declaration fails, with its message."""

PLUGINS: Expected = {
    "mutant-manifests": {},
    "mutant-manifests-heavy": {
        "imports-nothing-heavy": (
            "manifest of mutant-manifests-heavy: expected no heavy import, got torch. Move what "
            "needs them into another module and name its functions as text "
            '("package.module:function"), or import them inside the function.'
        )
    },
    "mutant-manifests-loud": {
        "prints-nothing": (
            "manifest of mutant-manifests-loud: expected no output, got "
            "'Welcome to the loud plugin!'. Print nothing."
        )
    },
    "mutant-manifests-moody": {
        "hooks-give-the-same-twice": (
            "... of mutant-manifests-moody: expected ... in each call, got ... "
            "Declare the same components whenever the hook is called."
        )
    },
}
"""The check that each plugin fails, with its message."""


@functools.cache
def mutants() -> Registry:
    return load([ZOO / "mutants"])


@functools.cache
def checks_of_declarations() -> dict[str, list[Item]]:
    """Return the checks of each declaration alone; those of its kind need its functions."""
    names = {check.name for check in OF_DECLARATIONS}
    found: dict[str, list[Item]] = {}
    for item in items("mutant-manifests", registry=mutants()):
        if item.subject.entry and item.check.name in names:
            found.setdefault(item.subject.component.name, []).append(item)
    return found


def test_the_table_has_every_declaration() -> None:
    assert set(DECLARATIONS) == set(checks_of_declarations())


@pytest.mark.parametrize("mutant", DECLARATIONS)
def test_declaration_fails_only_the_check_meant_for_it(mutant: str) -> None:
    assert_fails(checks_of_declarations()[mutant], DECLARATIONS[mutant])


@pytest.mark.parametrize("plugin", PLUGINS)
def test_manifest_fails_only_the_check_meant_for_it(plugin: str) -> None:
    found = [item for item in items(plugin, registry=mutants()) if item.subject.entry is None]
    assert_fails(found, PLUGINS[plugin])


def item_of(registry: Registry, plugin: str, check: str) -> Item:
    (item,) = [each for each in items(plugin, registry=registry) if each.check.name == check]
    return item


def plugin_of(registry: Registry, name: str) -> Plugin:
    (plugin,) = [each for each in registry.plugins if each.name == name]
    return plugin


def with_plugin(registry: Registry, changed: Plugin) -> Registry:
    """Return the registry with `changed` in the place of the plugin of its name."""
    plugins = [changed if each.name == changed.name else each for each in registry.plugins]
    return evolve(registry, plugins=tuple(plugins))


def test_heavy_imports_are_looked_for_in_a_new_process() -> None:
    """Torch is loaded here already, which does not tell whether the manifest loads it."""
    item_of(mutants(), "mutant-losses", "imports-nothing-heavy").run()


def test_broken_plugin_fails_with_its_reason_alone() -> None:
    registry = load([ZOO / "broken"])
    (item,) = items("raises-deep", registry=registry)
    assert item.id == "plugin/loads"
    reason = plugin_of(registry, "raises-deep").why
    assert outcome(item).message == reason
    assert reason.startswith("plugin raises-deep (")


def test_component_that_is_not_found_by_its_name_fails() -> None:
    plugin = plugin_of(mutants(), "mutant-manifests-loud")
    kind, component = plugin.components[0]
    twin = evolve(component, help="Another of this name.")
    odd = with_plugin(mutants(), evolve(plugin, components=((kind, twin),)))
    item = item_of(odd, plugin.name, "components-are-found")
    item.run()
    of_other = evolve(item, subject=evolve(item.subject, plugin=plugin))
    assert outcome(of_other).message == (
        "loss mutant-manifests-loud/loud: expected this component by its full name, got another "
        "one. Give each component of a kind a name of its own."
    )


def test_plugin_without_a_distribution_fails() -> None:
    registry = load()
    half = evolve(plugin_of(registry, "losses"), distribution="unknown", version="")
    odd = with_plugin(registry, half)
    assert outcome(item_of(odd, "losses", "has-distribution-and-version")).message == (
        "plugin losses: expected a distribution with a version, got unknown without a version. "
        "Install the plugin again."
    )


def test_every_check_has_a_mutant_except_those_of_the_core() -> None:
    """The core refuses invalid values, whatever a declaration says; tests above fail the others."""
    expected = {**DECLARATIONS, **PLUGINS}
    caught = {name for names in expected.values() for name in names}
    others = {
        "loads",
        "components-are-found",
        "has-distribution-and-version",
        "invalid-parameters-are-refused",
    }
    assert {check.name for check in (*OF_DECLARATIONS, *OF_MANIFESTS)} == caught | others
