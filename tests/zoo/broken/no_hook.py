"""Broken: its author forgot to write a hook."""

import cfplug

METRICS = [cfplug.Metric("best", score="no_hook:best")]
