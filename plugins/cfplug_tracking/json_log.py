"""Write the events of a run as JSON lines.

    {"event": "epoch_finished", "time": "2026-03-01T12:00:00.123+00:00",
     "run": "runs/pmf-20260301-115900", "model": "pmf", "seed": 42, "epoch": 1, ...}

A line has the event's fields under their names. NaN and infinity, which JSON lacks, are null.
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
"""The columns of `RunFinished.metrics`."""


@frozen
class JsonLog:
    """The log file: one write for each event, so runs that share it never mix within a line."""

    path: Path

    def record(self, event: Any) -> None:
        """Append an event; raise PluginError if the file cannot be written."""
        data = (to_json(event, datetime.now(UTC)) + "\n").encode()
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
            raise cfplug.PluginError(
                f"{VARIABLE}={self.path}: the disk is full, and a line is incomplete"
            )


def open_log(event: RunStarted, environment: Mapping[str, str]) -> JsonLog | None:
    """Return the log that CFPLUG_LOG names, relative to the current folder; None if not set."""
    name = environment.get(VARIABLE, "")
    return JsonLog(Path(os.path.abspath(name))) if name else None


def to_json(event: Any, now: datetime) -> str:
    """Return the event as JSON, without a line break."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    head = {"event": name, "time": now.isoformat(timespec="milliseconds"), "run": event.run}
    fields = {each.name: getattr(event, each.name) for each in attrs.fields(type(event))}
    if isinstance(event, RunFinished):
        fields["metrics"] = [dict(zip(METRICS, row, strict=True)) for row in event.metrics]
    return json.dumps(_plain({**head, **fields}), allow_nan=False)


def _plain(value: Any) -> Any:
    """Return `value` as JSON can represent it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    is_numpy = hasattr(value, "item")
    return _plain(value.item()) if is_numpy else str(value)
