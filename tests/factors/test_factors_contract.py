"""The contract of the plugin `factors`."""

from __future__ import annotations

from cfplug.testing import plugin_checks

test_contract = plugin_checks(
    "factors",
    examples=3,
    known_failures={"model/mean/learns-planted-ratings": "it is the mean that others must beat"},
)
