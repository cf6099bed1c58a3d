"""`posemark export`: writes a model as an ONNX file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posemark.cli import terminal

if TYPE_CHECKING:
    from posemark.run.export_model import Exported

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Name of a model; `posemark list` shows them.")
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="The file to write; its name ends in .onnx.")
]
WeightsOption = Annotated[
    str,
    typer.Option(
        help="A checkpoint file, the tag of imported weights, best (the best weights on this "
        "machine), or none (untrained: values by formula)."
    ),
]


def export(model: Model, output: Output, weights: WeightsOption = "none") -> None:
    """Write a model as an ONNX file, and check that ONNX Runtime computes what torch computes.

    The input of the file is a batch of normalised images (N, 3, H, W) of any size N. For a
    bottom-up model, H and W may also vary: they must be multiples of 32 (OpenPose: 8). The file
    does not contain decoding: it returns the network's raw outputs.

    Examples:

        posemark export hrnet-w32-256x192 -o hrnet.onnx --weights official

        posemark export dekr-w32-512 -o dekr.onnx
    """
    from posemark.measure.environment import usable_cores
    from posemark.run.export_model import export_model

    with terminal.console(stderr=True).status(f"exporting {model}, checking it in ONNX Runtime"):
        done = export_model(model, weights, output, usable_cores())
    terminal.say(_description(done))


def _description(done: "Exported") -> str:
    from posemark import export as exporting

    size = done.path.stat().st_size / 1e6
    height, width = done.spec.input_hw if done.spec.method.fixed_size else ("height", "width")
    return (
        f"{done.path}: {size:.1f} MB, ONNX opset {exporting.OPSET}, {done.spec.name}, "
        f"weights {done.weights}\n"
        f"in   {exporting.INPUT}: float32 (batch, 3, {height}, {width}), "
        f"{done.spec.pixels.order.upper()}, normalised\n"
        f"out  {', '.join(done.outputs)}\n"
        f"differs from torch by at most {done.error:.1e} of an output's largest value "
        f"(allowed: {exporting.TOLERANCE:.0e})"
    )
