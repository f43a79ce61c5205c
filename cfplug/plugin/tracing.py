"""CFPLUG_TRACE: every hook call as a line: which hook, which plugin answered, what, and how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pluggy
from attrs import field, frozen
from pluggy import HookImpl, Result

from cfplug.errors import PluginError, printable
from cfplug.plugin.declarations import HOOK_OF
from cfplug.plugin.discovery import words_of

TRACE = "CFPLUG_TRACE"
OFF, ON = ("", "0", "no", "off", "false"), ("1", "yes", "on", "true")
LONGEST = 200
"""Characters of an event that are shown: the end of a run is told with every metric."""

Write = Callable[[str], None]


def trace(manager: pluggy.PluginManager, setting: str) -> None:
    """Have every hook call of `manager` told: on standard error if `setting` is 1, else in the file that it names.

    Where it is off nothing is hooked in, and so nothing costs. PluginError if the file cannot be
    written."""
    if setting.strip().lower() not in OFF:
        watch = _Watch(_writer(setting.strip()))
        manager.add_hookcall_monitoring(watch.before, watch.after)


def _writer(setting: str) -> Write:
    if setting.lower() in ON:
        return lambda line: print(
            line, file=sys.stderr
        )  # whatever it is by then: a test or a bar may stand in for it

    def append(line: str) -> None:
        with open(setting, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    try:
        open(setting, "a", encoding="utf-8").close()
    except OSError as error:
        raise PluginError(f"{TRACE}={setting}: cannot be written: {error.strerror}") from error
    return append


@frozen
class _Watch:
    """Told by pluggy before and after each call; one may lie within another, as where an observer reads a recipe."""

    write: Write
    started: list[float] = field(factory=list)

    def before(self, hook: str, callees: Sequence[HookImpl], arguments: Mapping[str, Any]) -> None:
        self.started.append(time.perf_counter())

    def after(
        self,
        outcome: Result[Any],
        hook: str,
        callees: Sequence[HookImpl],
        arguments: Mapping[str, Any],
    ) -> None:
        milliseconds = (time.perf_counter() - self.started.pop()) * 1000
        who = " ".join(each.plugin_name for each in callees)
        self.write(
            f"trace: {hook} of {who}{_told(arguments)}: {_answer(hook, outcome)}, {milliseconds:.1f} ms"
        )


def _told(arguments: Mapping[str, Any]) -> str:
    told = ", ".join(map(repr, arguments.values()))
    return f" told {_short(told)}" if told else ""


def _answer(hook: str, outcome: Result[Any]) -> str:
    """`3 models`, `nothing`, or what it raised."""
    if outcome.exception is not None:
        return f"raised {_short(words_of(outcome.exception))}"
    answers = outcome.get_result()
    if hook not in HOOK_OF.values():
        return "done"
    if not answers or not all(isinstance(each, list | tuple) for each in answers):
        return "nothing of use"
    return _count(hook, sum(map(len, answers)))


def _count(hook: str, count: int) -> str:
    """`1 cold-start`, `6 models`."""
    (kind,) = (kind for kind, its_hook in HOOK_OF.items() if its_hook == hook)
    return f"{count} {kind if count == 1 else hook.removeprefix('cfplug_').replace('_', '-')}"


def _short(text: str) -> str:
    return printable(text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}...")
