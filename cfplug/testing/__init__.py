"""For authors of plugins: strategies for hypothesis, and the laws that components must keep.

    from cfplug.testing import plugin_checks

    test_contract = plugin_checks("my-plugin")

is a whole test file: pytest shows one item for each law and component. `cfplug check-plugin my-plugin` does the same
on the command line. It needs hypothesis (`python -m pip install "cfplug[author]"`) and loads neither torch nor pandas.
"""

from __future__ import annotations

from cfplug.testing.collecting import plugin_checks
from cfplug.testing.contract import BrokenLawError, Check, Item, Outcome, Subject, items, outcome

__all__ = [
    "BrokenLawError",
    "Check",
    "Item",
    "Outcome",
    "Subject",
    "items",
    "outcome",
    "plugin_checks",
]
