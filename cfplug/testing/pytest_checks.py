"""The checks of a plugin as tests of pytest: one item for each check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from cfplug.plugin.registry import load
from cfplug.testing.check import EXAMPLES, Item, items


def plugin_checks(
    name: str,
    *,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    known_failures: Mapping[str, str] | None = None,
    examples: int = EXAMPLES,
    oracles: Mapping[str, Callable[..., Any]] | None = None,
    plugins_dir: Iterable[str | Path] = (),
) -> Callable[[Item], None]:
    """Return a test for pytest that runs every check of the plugin `name`, each as its own item.

        test_contract = plugin_checks("my-plugin")

    Args:
        name: The plugin.
        params: Parameters of components that cannot be checked with their defaults, by
            `kind/name`: `{"source/shop": {"path": "tests/shop.csv"}}`.
        known_failures: The reason for each check that is known to fail, by its id:
            `{"model/mean/learns-planted-ratings": "the baseline"}`; such an item must fail.
        examples: The number of examples of each property.
        oracles: A naive version of a component's function to compare it with, by `kind/name`:
            `{"metric/mse": naive_mse}`, which takes (params, truth, prediction) as the metric does.
        plugins_dir: Folders of single-file plugins.

    Returns:
        The test; pytest collects it where it is assigned to a name that begins with `test`.

    Raises:
        PluginError: There is no such plugin, or no component or check of a name in these tables.
    """
    import pytest

    found = items(
        name,
        registry=load(map(Path, plugins_dir)),
        params=params,
        known_failures=known_failures,
        examples=examples,
        oracles=oracles,
    )
    cases = []
    for item in found:
        reason = item.known_failure
        marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        cases.append(pytest.param(item, id=item.id, marks=marks))

    @pytest.mark.parametrize("item", cases)
    def test(item: Item) -> None:
        item.run()

    return test
