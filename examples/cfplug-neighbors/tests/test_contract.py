"""The laws that cfplug holds every plugin to."""

from cfplug.testing import plugin_checks

test_contract = plugin_checks("neighbors")
