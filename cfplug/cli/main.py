"""The command `cfplug`: its groups, how errors are shown, and where each command is."""

from __future__ import annotations

import importlib
from typing import Any

import rich_click as click

from cfplug.errors import CfplugError

COMMANDS = {
    "run": "cfplug.cli.run:run_command",
    "resume": "cfplug.cli.run:resume_command",
    "check": "cfplug.cli.run:check_command",
    "find-rate": "cfplug.cli.run:find_rate",
    "recipes": "cfplug.cli.recipes:recipes",
    "list": "cfplug.cli.plugins:list_components",
    "describe": "cfplug.cli.plugins:describe",
    "plugins": "cfplug.cli.plugins:plugins",
    "doctor": "cfplug.cli.plugins:doctor",
    "schema": "cfplug.cli.plugins:schema",
    "data": "cfplug.cli.data:data",
    "new": "cfplug.cli.author:new",
    "check-plugin": "cfplug.cli.author:check_plugin",
    "predict": "cfplug.cli.predict:predict",
    "recommend": "cfplug.cli.predict:recommend",
    "similar": "cfplug.cli.predict:similar",
    "explain": "cfplug.cli.predict:explain",
    "compare": "cfplug.cli.predict:compare",
    "report": "cfplug.cli.predict:report",
    "questions": "cfplug.cli.newcomers:questions",
    "newcomer": "cfplug.cli.newcomers:newcomer",
}
"""The module and function of each command, in the order of the help; imported when asked for."""


class Group(click.RichGroup):
    """Shows cfplug's own errors as text with their notes, and exits with their code."""

    group_class = type  # groups inside this one have this class too

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of the file, not of the alphabet

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CfplugError as error:
            notes = getattr(error, "__notes__", ())
            click.echo("\n".join([str(error), *notes]), err=True)
            ctx.exit(error.exit_code)


class LateGroup(Group):
    """Imports the module of a command when it is first asked for."""

    # Groups inside this one load nothing late, and `type` above would make them such groups.
    group_class = Group  # type: ignore[assignment]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(importlib.import_module(module), function)
        return command


_VARIABLES = (
    "CFPLUG_PLUGINS=-NAME leaves a plugin out; CFPLUG_TRACE=1 prints every call of a plugin's hook "
    "(cfplug doctor --help)."
)


@click.group(
    cls=LateGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_VARIABLES
)
@click.version_option(package_name="cfplug")
def main() -> None:
    """Collaborative filtering with tabular metadata, built of plugins and run from recipes."""
