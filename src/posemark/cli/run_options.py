"""The options of `posemark run`: what each is called, takes and says in --help."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from posemark.cli.console import duration, percentage


class Persons(StrEnum):
    """How the people of a frame go through the network."""

    serial = "serial"
    batched = "batched"


class Mode(StrEnum):
    """How frames follow each other."""

    burst = "burst"
    sustained = "sustained"
    paced = "paced"


DEFAULT_SECONDS = {Mode.sustained: 120.0, Mode.paced: 30.0}
"""Frames repeat in these modes, so something must end them."""


Entries = Annotated[
    list[str],
    typer.Argument(
        metavar="ENTRY|GLOB|SUITE...",
        help="A model (hrnet-w32-256x192), with weights (MODEL.TAG), with boxes "
        "(MODEL@gt, MODEL@detected) or scales (MODEL@single, MODEL@multi), a glob ('lite*'), "
        "a letter of the blog post, a suite (seed, light, all), or an exported model's card.toml.",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        help="sample (built-in scenes), coco (val2017 from `posemark get`) or coco:DIR (standard "
        "layout)."
    ),
]
BoxesOption = Annotated[
    str | None,
    typer.Option(
        help="Person boxes: gt, simulated (a detector's statistics, for sample), papers (from "
        "`posemark get`), or file:F (COCO results). Default: gt; of @detected entries "
        "simulated on sample, papers on coco."
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        help="A checkpoint file, an imported tag, best (of each model the best that is here), or "
        "none: formula weights. Default: best on photographs, none on sample."
    ),
]
TrainedOnly = Annotated[
    bool, typer.Option("--trained-only", help="Leave out entries without trained weights.")
]
CodecOption = Annotated[
    str | None,
    typer.Option(
        help="argmax, quarter or dark:K; paf:gpu or paf:cpu for OpenPose. Default: the model's own."
    ),
]
Flip = Annotated[
    bool, typer.Option("--flip", help="Average with the mirrored crop (two forwards).")
]
PersonsOption = Annotated[
    Persons,
    typer.Option(
        help="serial: one crop per forward pass. batched: the crops of a frame together, "
        "--max-batch at most."
    ),
]
MaxBatch = Annotated[
    int | None, typer.Option(min=2, help="Crops in one forward, for --persons batched. Default: 8.")
]
Runtime = Annotated[
    str | None,
    typer.Option(
        help="torch (eager), torch-compile, onnxruntime, openvino or tflite. Default: torch; of "
        "a card, what its file is for."
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        help="fp32, bf16, fp16 or int8, where the runtime has it; never another. Default: fp32; "
        "of a card, its file's."
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="As the runtime calls it: cpu, cuda, cuda:1; for onnxruntime an execution provider "
        "(cpu, cuda, tensorrt, coreml, ...); for openvino cpu, gpu, npu."
    ),
]
Layout = Annotated[
    str | None,
    typer.Option(help="channels-last: of maps in eager torch. Default: the runtime's own."),
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="Data that int8 ranges are chosen from: sample or coco:DIR, 100 images with people.",
    ),
]
MinScore = Annotated[float, typer.Option(min=0, max=1, help="Leave out boxes scored below this.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: all usable cores.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most this many frames per entry.")]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        help="Seconds per entry, its own blocks only. Default: none; sustained 120, paced 30.",
    ),
]
Within = Annotated[
    float | None,
    typer.Option(
        parser=duration,
        metavar="TIME",
        help="One time for the whole run (7m, 90s, 1h30m), shared out so that as many entries as "
        "possible have five blocks and ten frames.",
    ),
]
Repeat = Annotated[
    int,
    typer.Option(
        min=1, help="Go so many times through the frames; for small data, in --mode burst."
    ),
]
Until = Annotated[
    float | None,
    typer.Option(
        parser=percentage,
        metavar="PERCENT",
        help="Stop an entry once the 95% interval of its FPS is this narrow (2%: ±2%).",
    ),
]
ModeOption = Annotated[
    Mode,
    typer.Option(
        help="burst: frames back to back, each once. sustained: for minutes, over and over; shows "
        "throttling. paced: from a camera of --fps; late frames are dropped."
    ),
]
Fps = Annotated[
    float | None, typer.Option(min=0.1, help="The camera's frames per second, for --mode paced.")
]
Interleave = Annotated[
    bool | None,
    typer.Option(
        "--interleave/--no-interleave",
        help="Entries take turns, a block of frames each, so that drift hits all alike. "
        "Default: as many as fit into memory.",
    ),
]
Isolate = Annotated[
    bool,
    typer.Option(
        "--isolate/--no-isolate",
        help="Several entries: a process of its own for each. In a common one they slow each "
        "other down, and none's memory is known.",
    ),
]
MachineOption = Annotated[
    str | None,
    typer.Option(
        "--machine",
        metavar="NAME",
        help="Your name for this machine, which tells it from others like it. "
        "Default: that of the variable POSEMARK_MACHINE.",
    ),
]
SettingOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.toml",
        help="Run as `posemark tune` found best: a name that it saved for the entry, or a file.",
    ),
]
Out = Annotated[Path | None, typer.Option(help="Folder for the records. Default: runs/DATE-TIME.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with stopped records in --out.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per entry, nothing else.")
]
