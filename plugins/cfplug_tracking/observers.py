"""Pass the events of a run to each recorder that the environment asks for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from attrs import define

import cfplug
from cfplug.plugin.hookspecs import EpochFinished, RunFailed, RunFinished, RunStarted, StepFinished
from cfplug_tracking import json_log, runs

Event = RunStarted | StepFinished | EpochFinished | RunFinished | RunFailed


class Recorder(Protocol):
    """Something that records events; what it raises becomes a warning."""

    def record(self, event: Event) -> None: ...


@define(eq=False)
class Observer:
    """An open recorder; if it has `failed`, it is called again only when the run ends."""

    recorder: Recorder
    failed: bool = False


Opener = Callable[[RunStarted, Mapping[str, str]], Recorder | None]
"""Opens a recorder for a run, or returns None where the environment does not ask for it."""

OPENERS: tuple[Opener, ...] = (json_log.open_log, runs.open_run)

_observers: dict[Path, list[Observer]] = {}
"""The observers of each current run. Hooks are functions, so their state is in this module."""


def begin(event: RunStarted, environment: Mapping[str, str] = os.environ) -> None:
    """Open the recorders that `environment` asks for, and record the start of the run.

    Raises:
        PluginError: Some failed; the message has all errors.
    """
    observers = _observers[event.run] = []
    errors: list[str] = []
    for opener in OPENERS:
        with _collecting(errors):
            if recorder := opener(event, environment):
                recorder.record(event)
                observers.append(Observer(recorder))
    _raise(errors, "is not recorded there")


def record(event: StepFinished | EpochFinished) -> None:
    """Record an event with every recorder that has not failed.

    Raises:
        PluginError: Some failed; each is reported once.
    """
    errors: list[str] = []
    for observer in _observers.get(event.run, ()):
        if not observer.failed:
            observer.failed = True
            with _collecting(errors):
                observer.recorder.record(event)
                observer.failed = False
    _raise(errors, "is not recorded there until it ends")


def end(event: RunFinished | RunFailed) -> None:
    """Record the end with all recorders, also those that failed: a server may be back.

    Raises:
        PluginError: Some failed; the message has all errors.
    """
    errors: list[str] = []
    for observer in _observers.pop(event.run, ()):
        with _collecting(errors):
            observer.recorder.record(event)
    _raise(errors, "is not recorded there to its end")


@contextmanager
def _collecting(errors: list[str]) -> Iterator[None]:
    """Add the message of an exception to `errors`, in one line."""
    try:
        yield
    except Exception as error:
        text = " ".join(str(error).split())
        if not isinstance(error, cfplug.PluginError):
            text = f"{type(error).__name__}: {text}"
        errors.append(text)


def _raise(errors: list[str], effect: str) -> None:
    if errors:
        raise cfplug.PluginError(f"{'; and '.join(errors)} (the run {effect})")
