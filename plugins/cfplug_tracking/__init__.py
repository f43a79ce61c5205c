"""Record runs in MLflow and in a log of JSON lines, where environment variables ask for it.

    pip install "cfplug[tracking]"                      # MLflow; the log needs nothing more
    export CFPLUG_MLFLOW=sqlite:///mlflow.db            # or the http address of a server
    export CFPLUG_MLFLOW_EXPERIMENT=movies              # `cfplug` if not set
    export CFPLUG_MLFLOW_ARTIFACTS=all                  # or `report` (the default), or `none`
    export CFPLUG_LOG=events.jsonl                      # JSON lines, for `tail -f` and `jq`
    cfplug run recipes/pmf.yaml

A run is one run in MLflow, with a child run for each model, seed and fold, so that a table of
children compares models. An error, such as a server that cannot be reached, becomes a warning; the
run goes on. MLflow's telemetry is off and its timeouts are seconds, unless its own environment
variables set them.
"""

from __future__ import annotations

import cfplug
from cfplug.plugin.hookspecs import EpochFinished, RunFailed, RunFinished, RunStarted, StepFinished


@cfplug.hookimpl
def cfplug_run_started(event: RunStarted) -> None:
    """Open the recorders that the environment asks for."""
    from cfplug_tracking.observers import begin

    begin(event)


@cfplug.hookimpl
def cfplug_step_finished(event: StepFinished) -> None:
    """Record the seconds of a step."""
    from cfplug_tracking.observers import record

    record(event)


@cfplug.hookimpl
def cfplug_epoch_finished(event: EpochFinished) -> None:
    """Record the losses of an epoch."""
    from cfplug_tracking.observers import record

    record(event)


@cfplug.hookimpl
def cfplug_run_finished(event: RunFinished) -> None:
    """Record the metrics and files of a finished run."""
    from cfplug_tracking.observers import end

    end(event)


@cfplug.hookimpl
def cfplug_run_failed(event: RunFailed) -> None:
    """Record what stopped a run."""
    from cfplug_tracking.observers import end

    end(event)
