"""How does an event become a line of the log?

    {"event": "epoch_finished", "time": "2026-03-01T12:00:00.123+00:00", "run": "runs/pmf-20260301-115900", "model":
    "pmf", "seed": 42, "epoch": 1, ...}

A line has the event's fields under their names. A number that JSON has not (NaN, infinity) is null.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

import cfplug
from cfplug.plugin.hookspecs import RunFinished, RunStarted

VARIABLE = "CFPLUG_LOG"

METRICS = ("model", "seed", "fold", "part", "metric", "value")
"""What a row of `RunFinished.metrics` says."""


@frozen
class Lines:
    """The log file. Every event is appended by one write, so runs that share a file never mix within a line."""

    path: Path

    def tell(self, event: Any) -> None:
        """PluginError if the file cannot be written."""
        data = (line(event, datetime.now(UTC)) + "\n").encode()
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                written = os.write(file, data)
            finally:
                os.close(file)
        except OSError as error:
            raise cfplug.PluginError(
                f"{VARIABLE}={self.path}: cannot be written: {error.strerror}"
            ) from error
        if written < len(data):
            raise cfplug.PluginError(f"{VARIABLE}={self.path}: the disk took only a part of a line")


def opened(event: RunStarted, environment: Mapping[str, str]) -> Lines | None:
    """The log that CFPLUG_LOG names, seen from where the run was started; None if it names none."""
    name = environment.get(VARIABLE, "")
    return Lines(Path(os.path.abspath(name))) if name else None


def line(event: Any, now: datetime) -> str:
    """The event as JSON, without a line break."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    head = {"event": name, "time": now.isoformat(timespec="milliseconds"), "run": event.run}
    fields = {each.name: getattr(event, each.name) for each in attrs.fields(type(event))}
    if isinstance(event, RunFinished):
        fields["metrics"] = [dict(zip(METRICS, row, strict=True)) for row in event.metrics]
    return json.dumps(_plain({**head, **fields}), allow_nan=False)


def _plain(value: Any) -> Any:
    """`value` as JSON can say it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else _other(value)


def _other(value: Any) -> Any:
    """A number of numpy as Python's; anything else as text."""
    return _plain(value.item()) if hasattr(value, "item") else str(value)
