"""The built-in analyzers of data and models pass every check of their kind."""

from __future__ import annotations

from cfplug.testing import plugin_checks

test_contract = plugin_checks("insight", examples=3)
