"""Who writes down what a run tells? Each writer that the environment asks for, until it fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from attrs import define

import cfplug
from cfplug.plugin.hookspecs import EpochFinished, RunFailed, RunFinished, RunStarted, StepFinished
from cfplug_tracking import lines, runs

Event = RunStarted | StepFinished | EpochFinished | RunFinished | RunFailed


class Writer(Protocol):
    """Whoever writes events down; what it raises is a fault."""

    def tell(self, event: Event) -> None: ...


@define(eq=False)
class Watch:
    """A writer at work. One that is `lost` has failed, and is asked again only when the run ends."""

    writer: Writer
    lost: bool = False


Opener = Callable[[RunStarted, Mapping[str, str]], Writer | None]
"""Gives a writer for a run, or None where the environment does not ask for it."""

OPENERS: tuple[Opener, ...] = (lines.opened, runs.opened)

_watches: dict[Path, list[Watch]] = {}
"""The writers of each run that is on its way. Hooks are functions, so what they keep lies in their module."""


def begin(event: RunStarted, environment: Mapping[str, str] = os.environ) -> None:
    """Open every writer that `environment` asks for and tell it of the start; PluginError with every fault."""
    watches = _watches[event.run] = []
    faults: list[str] = []
    for opener in OPENERS:
        with _noting(faults):
            if writer := opener(event, environment):
                writer.tell(event)
                watches.append(Watch(writer))
    _raise(faults, "is not written there")


def tell(event: StepFinished | EpochFinished) -> None:
    """Tell the writers that work; PluginError, once for each, if they fail."""
    faults: list[str] = []
    for watch in _watches.get(event.run, ()):
        if not watch.lost:
            watch.lost = True
            with _noting(faults):
                watch.writer.tell(event)
                watch.lost = False
    _raise(faults, "is not written there until it ends")


def end(event: RunFinished | RunFailed) -> None:
    """Tell all writers, those that failed too: what could not be reached may be there again."""
    faults: list[str] = []
    for watch in _watches.pop(event.run, ()):
        with _noting(faults):
            watch.writer.tell(event)
    _raise(faults, "is not written there to its end")


@contextmanager
def _noting(faults: list[str]) -> Iterator[None]:
    """Adds what is raised to `faults`, in a line."""
    try:
        yield
    except Exception as error:
        text = " ".join(str(error).split())
        faults.append(
            text if isinstance(error, cfplug.PluginError) else f"{type(error).__name__}: {text}"
        )


def _raise(faults: list[str], so: str) -> None:
    if faults:
        raise cfplug.PluginError(f"{'; and '.join(faults)} (the run {so})")
