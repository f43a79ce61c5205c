"""Each broken manifest or declaration of the zoo is caught by the check that is meant for it, and by no other."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from attrs import evolve

from cfplug.plugin.registry import Registry, load
from cfplug.testing import Item, items, outcome
from cfplug.testing.checks.declarations import CHECKS as OF_DECLARATIONS
from cfplug.testing.checks.manifests import CHECKS as OF_MANIFESTS

ZOO = Path(__file__).parents[1] / "zoo"

DECLARATIONS = {
    "sound": {},
    "helpless": {
        "has-help": "the help of helpless is empty: give `help`, or its parameters a docstring",
    },
    "rambling": {
        "has-help": "the help of rambling must be one line without spaces around it; is 'It says\\ntwo things.'",
    },
    "wordless": {
        "parameters-have-help": "the help of Wordless.weight is empty: say it with cfplug.param(..., help=...)",
    },
    "blank": {
        "parameters-have-help": "the unit of Blank.weight must be one line without spaces around it; is 'points '",
    },
    "homeless": {
        "functions-can-be-imported": (
            "score='mutant_manifests_of_nobody:error' cannot be imported: "
            "ModuleNotFoundError: No module named 'mutant_manifests_of_nobody'"
        ),
    },
    "nameless": {
        "functions-can-be-imported": (
            "score='mutant_manifests:errror' cannot be imported: "
            "AttributeError: module 'mutant_manifests' has no attribute 'errror'"
        ),
    },
    "swapped": {
        "functions-have-the-right-signature": (
            "score='mutant_manifests:swapped' takes (params, prediction, truth); expected (params, truth, prediction)"
        ),
    },
    "percent": {
        "parameters-survive-a-recipe": (
            "a recipe that says {share: 0.5} gives {share: 0.005}, and when the resolved recipe is read again, "
            "{share: 5e-05}: what a parameter object holds must be what makes it again"
        ),
    },
}
"""What is said of each declaration, by the name of the check that it breaks."""

PLUGINS = {
    "mutant-manifests": {},
    "mutant-manifests-heavy": {
        "imports-nothing-heavy": (
            "importing the manifest of mutant-manifests-heavy loads torch; put what needs it into a module of its own, "
            'which declarations name as text ("package.module:function"), or inside the function'
        ),
    },
    "mutant-manifests-loud": {
        "prints-nothing": (
            "importing the manifest of mutant-manifests-loud prints 'Welcome to the loud plugin!'; it must be silent"
        ),
    },
    "mutant-manifests-moody": {
        "hooks-say-the-same-twice": "it must not depend on when it is called"
    },
}
"""What is said of each plugin, by the name of the check that it breaks."""


@functools.cache
def mutants() -> Registry:
    return load([ZOO / "mutants"])


def broken_laws(found: list[Item]) -> dict[str, str]:
    outcomes = {item.check.name: outcome(item) for item in found}
    return {name: each.message for name, each in outcomes.items() if not each.good}


@functools.cache
def of_declarations() -> dict[str, list[Item]]:
    """The checks of each declaration, without those of its kind, which cannot use a function that is not there."""
    laws = {check.name for check in OF_DECLARATIONS}
    found: dict[str, list[Item]] = {}
    for item in items("mutant-manifests", registry=mutants()):
        owner, _, law = item.id.rpartition("/")
        if owner != "plugin" and law in laws:
            found.setdefault(owner.partition("/")[2], []).append(item)
    return found


def test_the_table_names_every_declaration() -> None:
    assert set(DECLARATIONS) == set(of_declarations())


@pytest.mark.parametrize("mutant", DECLARATIONS)
def test_a_declaration_is_caught_by_the_check_meant_for_it_and_by_no_other(mutant: str) -> None:
    assert broken_laws(of_declarations()[mutant]) == DECLARATIONS[mutant]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_manifest_is_caught_by_the_check_meant_for_it_and_by_no_other(plugin: str) -> None:
    found = [item for item in items(plugin, registry=mutants()) if item.id.startswith("plugin/")]
    told = broken_laws(found)
    assert list(told) == list(PLUGINS[plugin])
    for name, message in told.items():
        assert PLUGINS[plugin][name] in message


def test_a_manifest_that_is_heavy_is_so_in_a_process_of_its_own() -> None:
    """Here torch is loaded already, which says nothing of the manifest that loads it."""
    (item,) = [
        each
        for each in items("mutant-losses", registry=mutants())
        if each.check.name == "imports-nothing-heavy"
    ]
    item.run()


def test_a_plugin_that_is_broken_is_told_with_its_reason_and_nothing_else() -> None:
    registry = load([ZOO / "broken"])
    (item,) = items("raises-deep", registry=registry)
    assert item.id == "plugin/loads"
    (plugin,) = [each for each in registry.plugins if each.name == "raises-deep"]
    assert outcome(item).message == plugin.why
    assert plugin.why.startswith("plugin raises-deep (")


def test_a_component_that_another_bears_the_name_of_is_told() -> None:
    registry = mutants()
    (plugin,) = [each for each in registry.plugins if each.name == "mutant-manifests-loud"]
    (kind, component) = plugin.components[0]
    twin = evolve(plugin, components=((kind, evolve(component, help="Another of this name.")),))
    odd = evolve(
        registry, plugins=tuple(twin if each is plugin else each for each in registry.plugins)
    )
    (item,) = [
        each
        for each in items(plugin.name, registry=odd)
        if each.check.name == "components-are-found"
    ]
    item.run()
    one = evolve(item, subject=evolve(item.subject, plugin=plugin))
    assert (
        outcome(one).message
        == "the loss mutant-manifests-loud/loud is not the one that is found by this name"
    )


def test_a_distribution_that_was_removed_by_half_is_told() -> None:
    registry = load()
    (plugin,) = [each for each in registry.plugins if each.name == "losses"]
    half = evolve(plugin, distribution="unknown", version="")
    odd = evolve(
        registry, plugins=tuple(half if each is plugin else each for each in registry.plugins)
    )
    (item,) = [
        each
        for each in items("losses", registry=odd)
        if each.check.name == "has-distribution-and-version"
    ]
    assert outcome(item).message == (
        "the distribution of losses is unknown without a version; was it removed by half? install it again"
    )


def test_every_law_has_its_mutant_but_those_of_the_core() -> None:
    """Whatever a declaration says, it is the core that refuses values, and the tests above break it otherwise."""
    caught = {name for told in (*DECLARATIONS.values(), *PLUGINS.values()) for name in told}
    others = {
        "loads",
        "components-are-found",
        "has-distribution-and-version",
        "invalid-parameters-are-refused",
    }
    assert {check.name for check in (*OF_DECLARATIONS, *OF_MANIFESTS)} == caught | others
