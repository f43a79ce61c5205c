"""Confidence intervals over users, for analyzers."""

from __future__ import annotations

from cfplug.evaluation.resampling import jackknife

__all__ = ["jackknife"]
