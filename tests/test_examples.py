"""The plugins in plugins/README.md pass every contract check."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfplug.testing import plugin_checks

EXAMPLES = Path(__file__).parents[1] / "examples" / "plugins"

SHOP = {"source/shop": {"orders": str(EXAMPLES / "data" / "orders.csv")}}

test_bell = plugin_checks("bell", examples=3, plugins_dir=[EXAMPLES])
test_distance = plugin_checks("distance", examples=3, plugins_dir=[EXAMPLES])
test_generous = plugin_checks("generous", examples=3, plugins_dir=[EXAMPLES])
test_halves = plugin_checks("halves", examples=3, plugins_dir=[EXAMPLES])
test_log_cosh = plugin_checks("log-cosh", examples=3, plugins_dir=[EXAMPLES])
test_median = plugin_checks("median", examples=3, plugins_dir=[EXAMPLES])
test_middle = plugin_checks("middle", examples=3, plugins_dir=[EXAMPLES])
test_shop = plugin_checks("shop", examples=3, plugins_dir=[EXAMPLES], params=SHOP)
test_shrunk = plugin_checks("shrunk", examples=3, plugins_dir=[EXAMPLES])
test_within = plugin_checks("within", examples=3, plugins_dir=[EXAMPLES])


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.stem)
def test_every_example_is_checked(file: Path) -> None:
    assert f"test_{file.stem}" in globals()
