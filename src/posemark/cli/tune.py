"""`posemark tune`: finds the fastest setting of an entry, step by step."""

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import best_weights, expected_time, run, run_options, terminal
from posemark.cli.console import PlainProgress, fresh_folder, print_indented, progress_bar
from posemark.cli.interrupt import message_on_interrupt
from posemark.measure.clock import now_ns
from posemark.tune import Goal

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

    from posemark.measure.speed_interval import Interval
    from posemark.run.measurement import Standing, Step
    from posemark.run.options import Options
    from posemark.run.plan import Job
    from posemark.tune.search import Cost, Ladder, Rung
    from posemark.tune.search_space import Subject


EntryName = Annotated[
    str,
    typer.Argument(
        metavar="ENTRY",
        help="The entry to tune: MODEL, MODEL.TAG, MODEL@detected, MODEL@multi, a letter of the "
        "blog post, or the card.toml of an exported model.",
    ),
]
Runtimes = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,NAME...",
        help="Runtimes to try, separated by commas. The search starts with the first one that "
        "can be used. Default: all.",
    ),
]
MaxLoss = Annotated[
    float,
    typer.Option(
        "--max-ap-loss",
        min=0,
        metavar="POINTS",
        help="AP points that the result may lose, compared with the starting runtime in its own "
        "precision (float32, or that of a card's file) on the same frames.",
    ),
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="Also try int8, with value ranges from this data: sample or coco:DIR.",
    ),
]
Seconds = Annotated[
    float,
    typer.Option(
        min=3,
        help="Seconds for which each of the two settings in a comparison is measured. Slow "
        "networks take longer.",
    ),
]
Frames = Annotated[
    int, typer.Option(min=1, help="Largest number of frames on which the accuracy is measured.")
]
For = Annotated[
    Goal,
    typer.Option(
        "--for",
        help="latency: the shortest time of the pose stages, one frame after the other. "
        "throughput: the most frames per second of wall time, all stages; also tries to process "
        "several frames at the same time.",
    ),
]
Save = Annotated[
    str, typer.Option(metavar="NAME", help="Name under which the best setting is saved.")
]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder to write the records to. Default: runs/tune-DATE-TIME."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def tune(
    entry: EntryName,
    data: run_options.Data = "sample",
    boxes: run_options.BoxesOption = None,
    weights: run_options.WeightsOption = None,
    flip: run_options.Flip = False,
    device: run_options.Device = "cpu",
    runtimes: Runtimes = None,
    max_ap_loss: MaxLoss = 0.1,
    calibrate: Calibrate = None,
    budget: Seconds = 4.0,
    frames: Frames = 200,
    goal: For = "latency",
    save: Save = "best",
    out: Out = None,
    json: Json = False,
) -> None:
    """Find the fastest setting of an entry that keeps its accuracy.

    The command tries runtimes, precisions, memory layout, numbers of threads, batching and
    cheaper decoders, and with --for throughput overlapping frames, one step after the other.
    Each step is compared with the best setting so far: both run in turns, block by block, in two
    processes, on the same frames. A step is kept if the whole 95% interval of its speed-up is
    above 2%, and if all kept steps together lose at most --max-ap-loss.

    Without trained weights or annotations the AP is unknown. Lower precisions are then kept and
    marked, and the OKS says how similar the poses are to those of the start.

    The best setting is saved for `posemark run ENTRY --setting NAME` and for
    `posemark.load(ENTRY, setting=NAME)` in Python.

    Examples:

        posemark tune hrnet-w32-256x192

        posemark tune hrnet-w32-256x192.official --data coco:~/coco --max-ap-loss 0.5

        posemark tune litehrnet-18-256x192 --runtimes torch,openvino --budget 8

        posemark tune higherhrnet-w32-512 --calibrate coco:~/coco --save small

        posemark tune litehrnet-18-256x192 --for throughput --save throughput
    """
    from posemark.core.places import CACHE_REMEDY, require_writable
    from posemark.datasets import open_dataset
    from posemark.measure.environment import usable_cores
    from posemark.run.best_weights import default_weights
    from posemark.run.calibration import notes as calibrate_notes
    from posemark.run.options import Options
    from posemark.run.setting import require_name
    from posemark.run.settings_folder import folder_of
    from posemark.tune.duels import Bench
    from posemark.tune.search import climb
    from posemark.tune.search_space import most_steps

    require_name(save)
    wanted = _runtimes(runtimes)
    used = weights or default_weights(data)
    options = Options(data, usable_cores(), boxes, used, flip=flip, device=device)
    (job,), chosen = best_weights.with_weights([_only(entry, options)], None)
    job = _started(job, wanted)
    subject = replace(_subject(job, wanted, calibrate), goal=goal)
    folder = out or fresh_folder("tune-")
    require_writable(folder, "Choose another --out folder, or free some space.")
    stopped = f"stopped. No setting was saved. The records so far are in {folder}"
    with progress_bar(quiet=json) as bar, message_on_interrupt(stopped):
        display = _Display(bar, most_steps(subject), quiet=json)
        bench = Bench(job, open_dataset(data), folder, budget, frames, display, goal=goal)
        require_writable(folder_of(bench.name), CACHE_REMEDY)
        run.say_notes((*bench.notes, *calibrate_notes(calibrate)))
        run.say_all(chosen)
        ladder = climb(job.options, subject, bench, max_ap_loss, display.finished)
    if not json:
        _print(ladder, bench.name, goal)
    path = _keep(ladder, bench.name, save, goal)
    if json:
        _print_json(ladder, bench.name, path, goal)
    else:
        terminal.say(f"\n{_command(entry, job, save)}\nsetting: {path}\nrecords: {folder}")


def _started(job: "Job", runtimes: tuple[str, ...]) -> "Job":
    """The job with the runtime at which the search starts."""
    from posemark.tune.duels import first_runnable

    return replace(job, options=replace(job.options, runtime=first_runnable(job, runtimes)))


def _subject(job: "Job", runtimes: tuple[str, ...], calibrate: str | None) -> "Subject":
    from posemark.run.prepare import spec_of_entry
    from posemark.tune.search_space import Subject

    return Subject(spec_of_entry(job.entry), runtimes, calibrate, job.options.threads)


def _runtimes(text: str | None) -> tuple[str, ...]:
    from posemark.core.errors import UsageError
    from posemark.runtimes.registry import runtimes

    names = tuple(name.strip() for name in text.split(",")) if text else tuple(runtimes())
    unknown = [name for name in names if name not in runtimes()]
    if unknown:
        raise UsageError(
            f"--runtimes: no runtime is called {unknown[0]!r}. Choose from {', '.join(runtimes())}."
        )
    return names


def _only(entry: str, options: "Options") -> "Job":
    from posemark.core.errors import UsageError
    from posemark.run.plan import plan

    jobs = plan([entry], options)
    if len(jobs) != 1:
        named = ", ".join(job.entry.name for job in jobs[:8])
        named += ", ..." * (len(jobs) > 8)
        raise UsageError(
            f"{entry!r} matches {len(jobs)} entries, but tune takes one. Name one of: {named}."
        )
    return jobs[0]


class _Display:
    """Shows the progress of tuning: a bar over the current comparison, a line per finished step.

    Args:
        progress: The bar.
        most: Largest number of steps.
        quiet: Whether to show nothing.
    """

    def __init__(self, progress: "Progress", most: int, quiet: bool) -> None:
        self._progress, self._quiet, self._lines = progress, quiet, PlainProgress(progress)
        self._what, self._shares = "", [0.0, 0.0]
        self._over, self._most, self._began_ns = 0, most, now_ns()
        self._task = progress.add_task("", total=2.0, text="")

    def about(self, what: str) -> None:
        self._what, self._shares = what, [0.0, 0.0]
        self._show("")

    def opening(self, place: int) -> None:
        self._show("building " + ("the step" if place else "the best so far"))

    def ready(
        self,
        standings: "Mapping[int, Standing]",
        unable: Collection[int],
    ) -> None:
        """Nothing is shown: the budget says how long a comparison takes."""

    def step(self, place: int, step: "Step") -> None:
        self._shares[place] = step.share
        self._show("")

    def over(self, place: int, path: Path) -> None:  # noqa: ARG002 (only a run shows its record)
        self._shares[place] = 1.0

    def finished(self, rung: "Rung") -> None:
        """Show a finished step."""
        self._over += 1
        if not self._quiet:
            line = _line(rung)
            self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _show(self, text: str) -> None:
        text = ", ".join(filter(None, [text, self._standing()]))
        self._progress.update(
            self._task, completed=sum(self._shares), description=self._what, text=text
        )
        if not self._quiet:
            self._lines.show(f"{self._what}: {text}")

    def _standing(self) -> str:
        """The number of the current step, and the remaining time if all steps take as long."""
        at = f"step {self._over + 1} of at most {self._most}"
        left = self._most - self._over
        if not self._over or left <= 0:
            return at
        seconds = (now_ns() - self._began_ns) / 1e9 / self._over * left
        return f"{at}, about {expected_time.in_words(seconds)} left"


def _keep(ladder: "Ladder", entry: str, name: str, goal: Goal) -> Path:
    """Save the setting, with its evidence as comments."""
    from posemark.measure.clock import utc_now
    from posemark.measure.environment import cpu_model, usable_cores
    from posemark.run import setting

    remarks = [
        f"{entry}, {utc_now()[:10]}, on {cpu_model()}, {usable_cores()} cores",
        *_summary(ladder, goal),
    ]
    path = setting.folder_of(entry) / f"{name}{setting.SUFFIX}"
    setting.write(path, setting.setting_of(ladder.best, usable_cores()), remarks)
    return path


def _summary(ladder: "Ladder", goal: Goal) -> list[str]:
    """The result in sentences."""
    from posemark.run.setting import setting_of

    start = f"{ladder.start.runtime} {ladder.start.precision}"
    if ladder.best == ladder.start:
        return [f"no step was proven faster than {start} without changes"]
    chosen = setting_of(ladder.best, ladder.start.threads).items()
    best = ", ".join(f"{name} {value}" for name, value in chosen)
    gain = _gain(ladder.total) or "a speed-up that could not be measured at the end"
    what = " as throughput (wall time, all stages)" if goal == "throughput" else ""
    lines = [f"{best}: {gain}{what} against {start}, measured in turns"]
    if ladder.cost:
        lines.append(f"{_cost(ladder.cost)} against {start} on {ladder.cost.frames} frames")
        lines += [_UNKNOWN.format(ladder.cost.unknown)] if ladder.cost.unknown else []
    return lines


_UNKNOWN = (
    "accuracy unknown ({}): OKS compares the poses with those of the start, not with annotations"
)


def _print_json(ladder: "Ladder", entry: str, path: Path, goal: Goal) -> None:
    import msgspec

    from posemark.report import json_outputs

    parts = msgspec.to_builtins(ladder)
    parts |= {"entry": entry, "setting": str(path), "goal": goal}
    terminal.say(json_outputs.printed(json_outputs.Tuning, **parts))


def _print(ladder: "Ladder", entry: str, goal: Goal) -> None:
    console = terminal.console()
    console.print(_table(ladder, entry))
    for rung in ladder.rungs:
        if not rung.gain:
            print_indented(console, f"{rung.step}: {_reason(rung)}")
    console.print()
    for line in _summary(ladder, goal):
        console.print(line, markup=False, soft_wrap=True)


def _table(ladder: "Ladder", entry: str) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=entry, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for title in COLUMNS:
        right = title in (BEST, "AP or OKS", START)
        heading = title.replace(" the ", "\nthe ")
        table.add_column(heading, justify="right" if right else "left", no_wrap=title != "why")
    for rung in filter(lambda rung: rung.gain, ladder.rungs):
        style = "bold green" if rung.kept else "dim"
        table.add_row(*(Text(cell) for cell in _cells(rung)), style=style)
    return table


TIMES = "\N{MULTIPLICATION SIGN}"
BEST, START = "against the best so far", "against the start"
"""The two references of a speed-up; each has a column of its own."""
COLUMNS = ("", "step", BEST, "AP or OKS", START, "why")


def _cells(rung: "Rung") -> list[str]:
    """The texts of one row, by column."""
    total = f"{TIMES}{rung.total:.2f}" if rung.kept else ""
    cost = _cost(rung.cost) if rung.cost else ""
    return ["✓" if rung.kept else "·", rung.step, _gain(rung.gain), cost, total, _reason(rung)]


def _line(rung: "Rung") -> str:
    """The same texts as one line that needs no headings."""
    mark, step, gain, cost, total, why = _cells(rung)
    parts = [f"{gain} {BEST}" if gain else "", cost, f"{total} {START}" if total else "", why]
    return f"{mark} {step}: {', '.join(filter(None, parts))}"


def _reason(rung: "Rung") -> str:
    """The first sentence of the reason, which is enough on a screen; --json has all of it.

    If the step is named after a runtime, the reason does not repeat that name.
    """
    own = re.escape(rung.step)
    return re.sub(rf"^(the runtime )?{own} ", "", re.split(r"[.;:] ", rung.why)[0])


def _gain(gain: "Interval | None") -> str:
    return f"{TIMES}{gain.point:.2f} ({gain.low:.2f}\N{EN DASH}{gain.high:.2f})" if gain else ""


def _cost(cost: "Cost") -> str:
    """The change in AP points if it is known: "-0.04 AP"; otherwise the OKS: "OKS 0.993"."""
    if cost.ap_loss is not None:
        return f"{0.0 - round(cost.ap_loss, 2):+.2f} AP"
    return "no people found" if cost.oks is None else f"OKS {cost.oks:.3f}"


def _command(entry: str, job: "Job", name: str) -> str:
    """The command that runs the entry with its new setting."""
    from posemark.run.best_weights import default_weights

    options = job.options
    given = (
        ("--weights", options.weights, default_weights(options.data)),
        ("--data", options.data, "sample"),
        ("--boxes", options.boxes, None),
    )
    words = ["posemark", "run", entry]
    for flag, value, default in given:
        words += [flag, value] if value is not None and value != default else []
    words += ["--flip"] if options.flip else []
    return shlex.join([*words, "--setting", name])
