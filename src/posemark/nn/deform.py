"""Deformable 3x3 convolution, version 1 (arXiv 1703.06211), in plain torch operators.

It is the form that DEKR uses: no mask, one group of offsets, stride 1, padding 1, no bias. The
result equals that of torchvision.ops.DeformConv2d, which needs a compiled operator and runs on
one thread. In an ONNX file it is one DeformConv node, for which runtimes have faster kernels
than for the separate operators.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

CELLS = 9
"""Number of kernel cells, counted row by row."""


def deform_conv(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    """Convolve with a 3x3 kernel whose cells are moved by the offsets.

    Values between pixels are interpolated bilinearly; values outside the map are 0.

    Args:
        x: (N, C, H, W) maps.
        offsets: (N, 18, H, W), for each kernel cell by how many rows and how many columns it
            moves from its regular place.
        weight: (O, C, 3, 3) kernel.

    Returns:
        (N, O, H, W) maps.
    """
    if torch.onnx.is_in_onnx_export():
        return _operator(x, offsets, weight)
    return _sampled(x, offsets, weight)


class _Operator(torch.autograd.Function):
    """One node in an exported file, https://onnx.ai/onnx/operators/onnx__DeformConv.html.

    The exporter's graph and values have private types of torch, hence Any.
    """

    @staticmethod
    def forward(_: Any, x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
        return _sampled(x, offsets, weight)

    @staticmethod
    def symbolic(graph: Any, x: Any, offsets: Any, weight: Any) -> Any:
        attributes = {"kernel_shape_i": [3, 3], "pads_i": [1, 1, 1, 1]}
        sizes = [None, weight.type().sizes()[0], None, None]
        node = graph.op("DeformConv", x, weight, offsets, **attributes)
        return node.setType(x.type().with_sizes(sizes))


_operator = cast(
    "Callable[[Tensor, Tensor, Tensor], Tensor]",
    _Operator.apply,  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
)


def _sampled(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    # grid_sample expects (x, y). In the transposed image that is (row, column), the order of the
    # offsets, so that they need not be copied to swap them. The 9 cells become 9 images (a view
    # for N = 1), because CPU kernels distribute images over threads, not rows.
    # Positions need float32: bfloat16 has 8 significant bits, which among 176 columns give a
    # precision of half a pixel only.
    images = x.mT[:, None].expand(-1, CELLS, -1, -1, -1).flatten(0, 1).float()
    grid = _positions(offsets.float()).flatten(0, 1).permute(0, 2, 3, 1)
    sampled = F.grid_sample(images, grid, "bilinear", "zeros", align_corners=False)
    columns = torch.unflatten(sampled, 0, (-1, CELLS)).flatten(1, 2).to(weight.dtype)
    return F.conv2d(columns, weight.permute(0, 2, 3, 1).flatten(1)[..., None, None])


def _positions(offsets: Tensor) -> Tensor:
    """The (N, 9, 2, H, W) rows and columns in grid_sample's units: -1 and 1 are the borders.

    They are the borders, not the centres of the outermost pixels (align_corners), so that a map
    of one row or column needs no special case.
    """
    device, dtype = offsets.device, offsets.dtype
    height, width = offsets.shape[2:]
    unit = torch.tensor([2 / height, 2 / width], device=device, dtype=dtype).view(2, 1, 1)
    row_numbers = torch.arange(height, device=device, dtype=dtype)
    column_numbers = torch.arange(width, device=device, dtype=dtype)
    rows = ((row_numbers + 0.5) * (2 / height) - 1)[:, None]
    columns = (column_numbers + 0.5) * (2 / width) - 1
    centres = torch.stack([rows.expand(height, width), columns.expand(height, width)])
    step = torch.arange(-1, 2, device=device, dtype=dtype)
    cells = torch.stack([step.repeat_interleave(3), step.repeat(3)], 1)[..., None, None]
    moves = torch.unflatten(offsets, 1, (CELLS, 2))
    return torch.addcmul(centres + cells * unit, moves, unit)
