"""Runs written down while they go: in MLflow, and as a log of JSON lines. Nothing is written until you ask.

    pip install "cfplug[tracking]"                      # MLflow; the log needs nothing more
    export CFPLUG_MLFLOW=sqlite:///mlflow.db            # or the http address of a server
    export CFPLUG_MLFLOW_EXPERIMENT=movies              # `cfplug` if not set
    export CFPLUG_MLFLOW_ARTIFACTS=all                  # the whole run folder; `report` (if not set) or `none`
    export CFPLUG_LOG=events.jsonl                      # one JSON object a line, for `tail -f` and `jq`
    cfplug run recipes/pmf.yaml

A run is one run in MLflow, with a child for each model, seed and fold, so that a table of children
compares models. A fault, such as a server that cannot be reached, costs a warning; the run goes on.
MLflow's telemetry is switched off and its patience with a server is cut to seconds, unless its own
environment variables say otherwise."""

from __future__ import annotations

import cfplug
from cfplug.plugin.hookspecs import EpochFinished, RunFailed, RunFinished, RunStarted, StepFinished


@cfplug.hookimpl
def cfplug_run_started(event: RunStarted) -> None:
    """Begin to write, where the environment asks for it."""
    from cfplug_tracking.watching import begin

    begin(event)


@cfplug.hookimpl
def cfplug_step_finished(event: StepFinished) -> None:
    """Write which step took how long."""
    from cfplug_tracking.watching import tell

    tell(event)


@cfplug.hookimpl
def cfplug_epoch_finished(event: EpochFinished) -> None:
    """Write the losses of an epoch."""
    from cfplug_tracking.watching import tell

    tell(event)


@cfplug.hookimpl
def cfplug_run_finished(event: RunFinished) -> None:
    """Write the metrics and files of a run that is whole."""
    from cfplug_tracking.watching import end

    end(event)


@cfplug.hookimpl
def cfplug_run_failed(event: RunFailed) -> None:
    """Write what stopped a run."""
    from cfplug_tracking.watching import end

    end(event)
