"""The contract of a plugin as tests of pytest: one item for each check."""

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
    """A test for pytest that holds every law against the plugin called `name`, one item a law and component:

        test_contract = plugin_checks("my-plugin")

    `params` gives values of parameters to components that cannot be tried with their defaults, by
    `kind/name`: `{"source/shop": {"path": "tests/shop.csv"}}`. `known_failures` gives the reason
    for each check that is known to fail, by its id: `{"model/mean/learns-planted-ratings": "it
    learns no tastes"}`; such an item must fail. `examples` is how often each property is tried,
    `plugins_dir` folders of single-file plugins. `oracles` gives a naive version of a component's
    function, by `kind/name`, to compare it with: `{"metric/mse": naive_mse}`, which takes (params,
    truth, prediction) as the metric does."""
    import pytest

    found = items(
        name,
        registry=load(map(Path, plugins_dir)),
        params=params,
        known_failures=known_failures,
        examples=examples,
        oracles=oracles,
    )
    cases = [
        pytest.param(
            item,
            id=item.id,
            marks=[pytest.mark.xfail(reason=item.known, strict=True)] if item.known else [],
        )
        for item in found
    ]

    @pytest.mark.parametrize("item", cases)
    def test(item: Item) -> None:
        item.run()

    return test
