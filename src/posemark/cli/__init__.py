"""L6: the command line. A command parses its options, calls the package once, and prints.

Heavy modules are imported inside the commands, so that --help answers quickly.
"""

import sys

import typer

from posemark.cli import (
    bundle,
    check,
    compare,
    export,
    get,
    interrupt,
    list_entries,
    machine,
    predict,
    recommend,
    report,
    run,
    terminal,
    tune,
    weights,
)
from posemark.cli.option_types import Command
from posemark.cli.usage import Group
from posemark.core import memory
from posemark.core.errors import PoseMarkError
from posemark.measure.environment import wait_passively

app = typer.Typer(
    name="posemark",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Which 2D human pose model, at which settings, on my device?

Runs pose models through one harness, frame by frame as from a camera, and reports the
accuracy (AP) and the speed (FPS) of the same run.

Examples:

    posemark list

    posemark run seed --data sample --within 10m --out runs/first

    posemark report runs/first -o report.html

    posemark recommend runs/first --min-fps 10 --people 5
""",
)


def _version(wanted: bool) -> None:
    if wanted:
        import posemark

        terminal.say(posemark.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    pass


app.command("list")(list_entries.list_entries)
app.command("get", no_args_is_help=True)(get.get)
app.command("run", no_args_is_help=True)(run.run)
app.command("predict", no_args_is_help=True)(predict.predict)
app.command("check", no_args_is_help=True)(check.check)
app.command("tune", no_args_is_help=True)(tune.tune)
app.command("report", no_args_is_help=True)(report.report)
app.command("recommend", no_args_is_help=True)(recommend.recommend)
app.command("compare", no_args_is_help=True)(compare.compare)
app.command("machine")(machine.machine)
app.command("export", no_args_is_help=True)(export.export)
app.command("bundle", no_args_is_help=True)(bundle.bundle)
app.add_typer(weights.app, name="weights")

for _registered in (*app.registered_commands, *weights.app.registered_commands):
    _registered.cls = Command


def main() -> None:
    """Run the `posemark` command.

    A user's mistake gives one paragraph and exit code 2, and so does a lack of memory.
    """
    terminal.prepare()
    wait_passively()
    try:
        try:
            app()
        finally:
            interrupt.ignore_from_here()
            sys.stdout.flush()
    except KeyboardInterrupt:  # a second one, while the command was ending after the first
        sys.exit(interrupt.EXIT_STATUS)
    except PoseMarkError as error:
        _exit_with(str(error))
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        if not memory.ran_out(error):
            raise
        _exit_with(
            f"the memory that this process may use has run out ({error or 'MemoryError'}). "
            f"{memory.REMEDY} A run keeps every finished frame, and continues with --resume."
        )


def _exit_with(message: str) -> None:
    from rich.text import Text

    paragraph = Text.assemble(("error: ", "bold red"), message)
    # The terminal wraps the line. If we did, a path in it could not be copied whole.
    terminal.console(stderr=True, soft_wrap=True).print(paragraph)
    terminal.give_up_output()
    sys.exit(2)
