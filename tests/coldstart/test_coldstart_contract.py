"""The built-in cold-start strategies pass every check of their kind."""

from __future__ import annotations

from cfplug.testing import plugin_checks

SMALL = {
    "cold-start/nearest-metadata": {"k": 4, "damping": 5.0},
    "cold-start/metadata-model": {
        "layers": [8],
        "dropout": 0.1,
        "learning_rate": 0.05,
        "damping": 5.0,
        "questions": 3,
    },
}
"""What lets 31 warm users say something: by the defaults none of them is known well enough."""

test_contract = plugin_checks("coldstart", examples=3, params=SMALL)
