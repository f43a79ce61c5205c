"""The built-in splits pass every check of their kind."""

from __future__ import annotations

from cfplug.testing import plugin_checks

test_contract = plugin_checks("splits", examples=3, params={"split/predefined": {"fold": "u1"}})
