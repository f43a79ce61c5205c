"""The checks that every plugin must pass."""

from cfplug.testing import plugin_checks

test_contract = plugin_checks("neighbors")
