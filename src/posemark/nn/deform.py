"""Deformable 3x3 convolution, version 1 (arXiv 1703.06211), in plain operators of torch.

No mask, one group of offsets, stride 1, padding 1, no bias: what DEKR uses. It gives what
torchvision.ops.DeformConv2d gives, which needs a compiled operator and runs on one thread.
In an ONNX file it is the operator DeformConv, which runtimes know better than its parts.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

CELLS = 9
"""Of the kernel, row by row."""


def deform_conv(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    """A 3x3 convolution whose kernel cells each look where the offsets point.

    x: (N, C, H, W). offsets: (N, 18, H, W), for each kernel cell how many rows and how many
    columns it moves from its regular place. weight: (O, C, 3, 3). Values between pixels are
    bilinear, those outside are 0. Returns (N, O, H, W).
    """
    if torch.onnx.is_in_onnx_export():
        return _Operator.apply(x, offsets, weight)
    return _sampled(x, offsets, weight)


class _Operator(torch.autograd.Function):
    """One node in an exported file, https://onnx.ai/onnx/operators/onnx__DeformConv.html."""

    @staticmethod
    def forward(_: Any, x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
        return _sampled(x, offsets, weight)

    @staticmethod
    def symbolic(graph: Any, x: Any, offsets: Any, weight: Any) -> Any:
        around = {"kernel_shape_i": [3, 3], "pads_i": [1, 1, 1, 1]}
        sizes = [None, weight.type().sizes()[0], None, None]
        node = graph.op("DeformConv", x, weight, offsets, **around)
        return node.setType(x.type().with_sizes(sizes))


def _sampled(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    # grid_sample wants (x, y). Of the transposed image that is (row, column), the order the
    # offsets have: no copy is needed to swap them. The 9 cells become 9 images, a view for
    # N = 1, because CPU kernels share out images, not rows, among threads.
    # Positions need float32: 8 bits of a bfloat16 tell a column of 176 to half a pixel.
    images = x.mT[:, None].expand(-1, CELLS, -1, -1, -1).flatten(0, 1).float()
    grid = _positions(offsets.float()).flatten(0, 1).permute(0, 2, 3, 1)
    seen = F.grid_sample(images, grid, "bilinear", "zeros", align_corners=False)
    columns = seen.unflatten(0, (-1, CELLS)).flatten(1, 2).to(weight.dtype)
    return F.conv2d(columns, weight.permute(0, 2, 3, 1).flatten(1)[..., None, None])


def _positions(offsets: Tensor) -> Tensor:
    """(N, 9, 2, H, W) rows and columns, as grid_sample counts: -1 and 1 are the borders.

    Borders, not outermost pixel centres (align_corners), so that one row or column is no
    special case.
    """
    like = {"device": offsets.device, "dtype": offsets.dtype}
    height, width = offsets.shape[2:]
    unit = torch.tensor([2 / height, 2 / width], **like).view(2, 1, 1)
    rows = ((torch.arange(height, **like) + 0.5) * (2 / height) - 1)[:, None]
    columns = (torch.arange(width, **like) + 0.5) * (2 / width) - 1
    centres = torch.stack([rows.expand(height, width), columns.expand(height, width)])
    step = torch.arange(-1, 2, **like)
    cells = torch.stack([step.repeat_interleave(3), step.repeat(3)], 1)[..., None, None]
    return torch.addcmul(centres + cells * unit, offsets.unflatten(1, (CELLS, 2)), unit)
