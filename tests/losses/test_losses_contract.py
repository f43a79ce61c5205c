"""The contract of the plugin `losses`, with its defaults and with other parameters."""

from __future__ import annotations

from cfplug.testing import plugin_checks

test_contract = plugin_checks("losses", examples=3)

test_contract_of_other_heads = plugin_checks(
    "losses",
    examples=3,
    params={
        "loss/mse": {"range": [-3.0, 8.0]},
        "loss/mae": {"range": [-3.0, 8.0]},
        "loss/huber": {"range": [-3.0, 8.0], "delta": 0.3},
        "loss/cross-entropy": {"label_smoothing": 0.1, "smooth_over": "neighbors"},
        "loss/ordinal": {"cut_points": "per-user"},
    },
)
