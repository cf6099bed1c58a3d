"""The options of `posemark run`: their names, types and help texts."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from posemark.cli.console import duration, percentage
from posemark.core.target import Precision
from posemark.run.options import LIMITS, Mode, Persons

DEFAULT_SECONDS = {"sustained": 120.0, "paced": 30.0}
"""Default of --budget in seconds, by mode. Frames repeat in these modes, so they need a limit."""


Entries = Annotated[
    list[str],
    typer.Argument(
        metavar="ENTRY|GLOB|SUITE...",
        help="What to measure. A model (hrnet-w32-256x192); a model with certain weights "
        "(MODEL.TAG), boxes (MODEL@gt, MODEL@detected) or scales (MODEL@single, MODEL@multi); a "
        "glob ('lite*'); a letter of the blog post; a suite (seed, light, all); or the card.toml "
        "of an exported model.",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        help="Images to run on: sample (built-in drawn scenes), coco (COCO val2017, fetched by "
        "`posemark get coco-val2017`), coco:DIR (COCO val2017 in a folder of your own), "
        "motion:DIR or motion:sample (the images with people, each as a clip under a moving "
        "camera), video:FILE or video:FOLDER (videos, or a folder of images), or camera:N (a "
        "connected camera). Nobody is annotated in the last two, so they have no AP."
    ),
]
BoxesOption = Annotated[
    str | None,
    typer.Option(
        help="Boxes of people: gt (ground truth), detector:NAME (a person detector inside the "
        "timed loop: rtmdet-nano, yolox-nano, hog, or a card.toml; NAME@every=5 looks at every 5th "
        "frame of a clip and follows people in between), simulated (statistics of a "
        "detector, for --data sample), papers (the detections that the papers used, fetched by "
        "`posemark get person-boxes`), or file:FILE (a file of COCO results). Default: gt; for "
        "@detected entries, simulated on sample and papers on coco."
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        help="A checkpoint file, the tag of imported weights, best (the best weights of each "
        "model on this machine), or none (untrained: values by formula). Default: best on "
        "photographs, none on sample."
    ),
]
TrainedOnly = Annotated[
    bool, typer.Option("--trained-only", help="Leave out entries that have no trained weights.")
]
CodecOption = Annotated[
    str | None,
    typer.Option(
        help="The decoder: argmax, quarter or dark:K; paf:gpu or paf:cpu for OpenPose. Default: "
        "the model's own."
    ),
]
Flip = Annotated[
    bool,
    typer.Option(
        "--flip",
        help="Flip test: average the outputs of the image and its mirror image (two forward "
        "passes).",
    ),
]
PersonsOption = Annotated[
    Persons,
    typer.Option(
        help="serial: one crop per forward pass. batched: the crops of a frame together, at most "
        "--max-batch of them."
    ),
]
MaxBatch = Annotated[
    int | None,
    typer.Option(
        min=LIMITS["max_batch"][0],
        max=LIMITS["max_batch"][1],
        help="Most crops in one forward pass, with --persons batched. Default: 8.",
    ),
]
Runtime = Annotated[
    str | None,
    typer.Option(
        help="torch (eager), torch-compile, onnxruntime, openvino or tflite. Default: torch, or "
        "the card's runtime."
    ),
]
PrecisionOption = Annotated[
    Precision | None,
    typer.Option(
        help="fp32, bf16, fp16 or int8. If the runtime does not support it, the run is refused. "
        "Default: fp32, or the precision of the card's file."
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="The device by the runtime's name for it: cpu, cuda or cuda:1 for torch; an "
        "execution provider (cpu, cuda, tensorrt, coreml, ...) for onnxruntime; cpu, gpu or npu "
        "for openvino."
    ),
]
Layout = Annotated[
    str | None,
    typer.Option(
        help="Memory layout of feature maps in eager torch: channels-last. Default: the runtime's "
        "own layout."
    ),
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        metavar="DATA",
        help="Data for --precision int8: 100 of its images with people determine the value "
        "ranges. sample or coco:DIR.",
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(
        min=LIMITS["min_score"][0],
        max=LIMITS["min_score"][1],
        help="Leave out boxes with a score below this. Default: 0.1 with --boxes detector:NAME, "
        "else 0.",
    ),
]
DETECTOR_PANEL = "Person detector (--boxes detector:NAME)"
"""Title of a table of its own in the help: 80 columns of the long one cut off the longest names."""

MaxPeople = Annotated[
    int | None,
    typer.Option(
        min=LIMITS["max_people"][0],
        max=LIMITS["max_people"][1],
        rich_help_panel=DETECTOR_PANEL,
        help="Use at most this many boxes of the detector per image, the best ones. Default: 20.",
    ),
]
DetectorSize = Annotated[
    int | None,
    typer.Option(
        min=LIMITS["detector_size"][0],
        max=LIMITS["detector_size"][1],
        rich_help_panel=DETECTOR_PANEL,
        help="Longest side in pixels of the detector's input. Default: the size for which it was "
        "trained.",
    ),
]
DetectorRuntime = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=DETECTOR_PANEL,
        help="Runtime of the detector, as for --runtime. Default: the runtime of its file's "
        "format.",
    ),
]
DetectorPrecision = Annotated[
    Precision | None,
    typer.Option(
        rich_help_panel=DETECTOR_PANEL,
        help="Precision of the detector. Default: the precision of its file.",
    ),
]
SaveBoxes = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=DETECTOR_PANEL,
        help="Write the boxes of the detector that were used as COCO results, which --boxes "
        "file:FILE reads.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=LIMITS["threads"][0],
        max=LIMITS["threads"][1],
        help="Number of CPU threads. Default: one for each usable core; one for each worker that "
        "shares images (--engine ray).",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(min=LIMITS["limit"][0], help="Measure at most this many frames of each entry."),
]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        min=LIMITS["budget"][0],
        help="Measure each entry for at most this many seconds; the time of other entries does "
        "not count. Default: no limit; 120 with --mode sustained, 30 with --mode paced.",
    ),
]
Within = Annotated[
    float | None,
    typer.Option(
        parser=duration,
        metavar="TIME",
        help="Time for the whole run, such as 7m, 90s or 1h30m. It is divided so that as many "
        "entries as possible get at least five blocks and ten frames.",
    ),
]
Repeat = Annotated[
    int,
    typer.Option(
        min=LIMITS["repeat"][0],
        max=LIMITS["repeat"][1],
        help="Go through the frames this many times. Useful for small data, in --mode burst and "
        "overlapped.",
    ),
]
Until = Annotated[
    float | None,
    typer.Option(
        parser=percentage,
        metavar="PERCENT",
        help="Stop measuring an entry once the 95% interval of its FPS is this narrow: 2% means "
        "±2%.",
    ),
]
ModeOption = Annotated[
    Mode,
    typer.Option(
        help="burst: each frame once, one directly after the other. sustained: the frames "
        "repeat for minutes, which shows throttling. paced: frames arrive as from a camera at "
        "--fps, and late ones are dropped. overlapped: each frame once, several at the same time "
        "(--streams). accuracy: no speed; the workers of --engine ray share the images. Default: "
        "burst; accuracy with --engine ray.",
        show_default=False,
    ),
]
Engine = Literal["local", "ray"]
EngineOption = Annotated[
    Engine,
    typer.Option(
        help="What does the work: local (this process and its children), or ray: the workers of a "
        "Ray cluster share the images (--mode accuracy); in any other mode, each machine of the "
        "cluster measures its speed."
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="The head node of a running Ray cluster, or auto for the one that this machine is "
        "part of, with --engine ray. Default: this machine alone.",
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(
        min=LIMITS["camera_fps"][0], help="The camera's frames per second, for --mode paced."
    ),
]
Streams = Annotated[
    int | None,
    typer.Option(
        min=LIMITS["streams"][0],
        max=LIMITS["streams"][1],
        help="Frames that are processed at the same time, with --mode overlapped. They share "
        "--threads. Default: one for each thread.",
    ),
]
Smooth = Annotated[
    bool,
    typer.Option(
        "--smooth",
        help="Smooth the key points of every person over the frames of a clip (One Euro filter), "
        "inside the timed loop. For --data motion, video or camera.",
    ),
]
Interleave = Annotated[
    bool | None,
    typer.Option(
        "--interleave/--no-interleave",
        help="Whether entries take turns, one block of frames each, so that drift affects all of "
        "them alike. Default: as many entries take turns as fit into memory.",
    ),
]
Isolate = Annotated[
    bool,
    typer.Option(
        "--isolate/--no-isolate",
        help="Whether each of several entries runs in a process of its own. In a shared process "
        "entries slow each other down, and their peak memory stays unknown.",
    ),
]
MachineOption = Annotated[
    str | None,
    typer.Option(
        "--machine",
        metavar="NAME",
        help="Your name for this machine, to distinguish it from others of the same kind. "
        "Default: the variable POSEMARK_MACHINE.",
    ),
]
SettingOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.toml",
        help="Run with a setting that `posemark tune` found: the name under which it was saved "
        "for the entry (such as best), or a file.",
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder to write the records to. Default: runs/DATE-TIME.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue a stopped run; --out names its folder.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per entry and nothing else.")
]
