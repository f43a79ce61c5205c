"""The built-in audits pass every check of analyzers."""

from __future__ import annotations

from cfplug.testing import plugin_checks

test_contract = plugin_checks("audit", examples=3)
