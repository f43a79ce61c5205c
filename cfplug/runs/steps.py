"""Give each step of a run its context, notes on its errors, and observers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from attrs import frozen

from cfplug.errors import PluginError, error_text
from cfplug.plugin.components import Component, Context
from cfplug.plugin.hookspecs import RunFailed, RunFinished, RunStarted, StepFinished
from cfplug.plugin.registry import Registry
from cfplug.progress import Reporter
from cfplug.random import seed_for
from cfplug.recipe.recipe import Recipe, Use
from cfplug.runs.folder import RunFolder
from cfplug.runs.run import METRICS, Run


@frozen(eq=False)
class Steps:
    """Where a run writes and works, and its observers.

    `scratch` is a folder that is removed after the run.
    """

    registry: Registry
    folder: RunFolder
    device: str
    reporter: Reporter
    scratch: Path = Path()

    def context(self, step: str, seed: int) -> Context:
        """Return what a component gets, with a generator spawned for this step alone."""
        rng = np.random.default_rng(seed_for(seed, step))
        return Context(
            seed, rng, self.device, self.scratch, self.reporter.progress, self.reporter.say
        )

    @contextmanager
    def step(
        self, step: str, use: Use[Component], seed: int, model: str = "", fold: str = ""
    ) -> Iterator[Context]:
        """Run one step of one component: an exception leaves with notes, then notify observers."""
        started = time.perf_counter()
        with noting(step, use):
            yield self.context(f"{step} {use.name}", seed)
        name = model or (use.name if step == "train" else "")
        seconds = time.perf_counter() - started
        run = self.folder.final
        event = StepFinished(step, name, seed, seconds, fold, run, use.full_name)
        self.notify("cfplug_step_finished", event)

    # Observers

    def notify(self, hook: str, event: object) -> None:
        """Send an event to every observer; one that raises is a warning."""
        for warning in self.registry.notify(hook, event):
            self.reporter.say(f"warning: {warning}")

    def run_started(self, recipe: Recipe, *, resumed: bool) -> None:
        partial, final = self.folder.partial, self.folder.final
        event = RunStarted(recipe.title, recipe.source, partial, resumed, final, recipe.tree())
        self.notify("cfplug_run_started", event)

    def run_finished(self, run: Run) -> Run:
        rows = tuple(run.metrics[[*METRICS[:6]]].itertuples(index=False, name=None))
        self.notify("cfplug_run_finished", RunFinished(run.path, rows, run.claims_met))
        return run

    def run_failed(self, error: BaseException, *, kept: bool) -> None:
        """Notify observers of the end of a run; `kept` says whether it can be resumed."""
        where = tuple(" ".join(note.split()) for note in getattr(error, "__notes__", ()))
        interrupted = isinstance(error, KeyboardInterrupt)
        partial, final = self.folder.partial, self.folder.final
        said = " ".join(error_text(error).split())
        self.notify("cfplug_run_failed", RunFailed(partial, said, where, interrupted, kept, final))


@contextmanager
def noting(step: str, use: Use[Component]) -> Iterator[None]:
    """Add the step, component, plugin and place in the recipe to what a component raises."""
    note = f"in step {step}: {use.full_name} of plugin {use.title}, {use.place}"
    try:
        yield
    except SystemExit as error:  # it would end the program with any exit code, and without a word
        left = PluginError(f"the component called sys.exit({error}); raise an exception instead")
        left.add_note(note)
        raise left from error
    except Exception as error:
        error.add_note(note)
        raise
