"""DEKR: one pass over the whole image finds all people, with a regression branch per joint.

Paper: "Bottom-Up Human Pose Estimation Via Disentangled Keypoint Regression"
    (arXiv 2104.02300).
Origin: github.com/HRNet/DEKR, MIT.

Written from the paper and from facts about the repository. The keys and shapes of the state
dict are the official ones. Deviations: the deformable convolution is that of nn.deform, and the
two convolutions that compute its offsets run as one; outputs agree with the official code
(tests/models/test_dekr.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, relu

from posemark.codecs.centre_offset import CentreOffset
from posemark.codecs.pose_rescore import DEKR_RESCORING
from posemark.core.spec import ONE_SCALE, THREE_SCALES, ModelSpec, Reported, Weights, WholeImage
from posemark.geometry.sizing import ShortSide
from posemark.nn.deform import CELLS, deform_conv
from posemark.nn.hrnet import BasicBlock, Trunk, conv_bn

JOINTS = 17
JOINT_WIDTH = 15
"""Channels of the regression branch of one joint."""


class AdaptiveBlock(nn.Module):
    """A deformable convolution that adapts its kernel to the pose, with an identity skip.

    At every pixel, an affine map A and a shift t, both computed from the input by convolutions,
    move each kernel cell r to A r + t. (N, C, H, W) -> the same shape.
    """

    regular_matrix: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        step = torch.arange(-1.0, 2.0)
        cells = torch.stack([step.repeat_interleave(3), step.repeat(3)])
        # (2, 9) rows and columns of the kernel cells, a constant that official files contain.
        self.register_buffer("regular_matrix", cells)
        self.transform_matrix_conv = nn.Conv2d(width, 4, 3, padding=1)
        self.translation_conv = nn.Conv2d(width, 2, 3, padding=1)
        self.adapt_conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn(deform_conv(x, self._offsets(x), self.adapt_conv.weight))
        return relu(y + x, inplace=True)

    def _offsets(self, x: Tensor) -> Tensor:
        """The (N, 18, H, W) moves of the kernel cells: A r + t - r = (A - 1) r + t."""
        transform, translation = self.transform_matrix_conv, self.translation_conv
        weight = torch.cat([transform.weight, translation.weight])
        identity = torch.eye(2, dtype=x.dtype, device=x.device).flatten()
        bias = torch.cat([_bias(transform) - identity, _bias(translation)])
        matrix, shift = torch.split(conv2d(x, weight, bias, padding=1), [4, 2], dim=1)
        by_row, by_column = matrix[:, 0::2], matrix[:, 1::2]
        rows, columns = self.regular_matrix.view(2, CELLS, 1, 1, 1)
        moved = torch.addcmul(shift[:, None], by_row[:, None], rows)
        return torch.addcmul(moved, by_column[:, None], columns).flatten(1, 2)


def _bias(convolution: nn.Conv2d) -> Tensor:
    return cast("Tensor", convolution.bias)  # None only if it was built without a bias


class DEKR(Trunk):
    """HRNet with all four branches, a heatmap head, and a regression branch for every joint.

    forward: images (N, 3, H, W), H and W multiples of 32 -> {"heatmaps": (N, 18, H/4, W/4),
    17 joints, then the centre; "offsets": (N, 34, H/4, W/4), pairs (x, y) in cells}.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, modules=(1, 4, 3), last_outputs=4)
        features = sum(width * 2**branch for branch in range(4))
        self.transition_heatmap = conv_bn(features, width, 1, relu=True)
        self.transition_offset = conv_bn(features, JOINTS * JOINT_WIDTH, 1, relu=True)
        self.head_heatmap = nn.Sequential(
            nn.Sequential(BasicBlock(width)), nn.Conv2d(width, JOINTS + 1, 1)
        )
        self.offset_feature_layers = nn.ModuleList(
            nn.Sequential(AdaptiveBlock(JOINT_WIDTH), AdaptiveBlock(JOINT_WIDTH))
            for _ in range(JOINTS)
        )
        self.offset_final_layer = nn.ModuleList(nn.Conv2d(JOINT_WIDTH, 2, 1) for _ in range(JOINTS))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        finest, *coarser = self.features(x)
        size = finest.shape[2:]
        enlarged = [interpolate(b, size, mode="bilinear", align_corners=False) for b in coarser]
        y = torch.cat([finest, *enlarged], 1)
        heatmaps = self.head_heatmap(self.transition_heatmap(y))
        # The joints run one after the other, so that the maps of a branch stay in the CPU's cache
        # through its two blocks.
        joints = torch.split(self.transition_offset(y), JOINT_WIDTH, dim=1)
        branches = zip(self.offset_feature_layers, self.offset_final_layer, joints, strict=True)
        offsets = [last(blocks(joint)) for blocks, last, joint in branches]
        return {"heatmaps": heatmaps, "offsets": torch.cat(offsets, 1)}


_RENAMED = (
    ("heatmap_conv_layers.0.conv.", "transition_heatmap.0."),
    ("heatmap_conv_layers.0.bn.", "transition_heatmap.1."),
    ("heatmap_conv_layers.1.", "head_heatmap.0.0."),
    ("heatmap_conv_layers.2.", "head_heatmap.1."),
    ("displacement_conv_layers.0.conv.", "transition_offset.0."),
    ("displacement_conv_layers.0.bn.", "transition_offset.1."),
)


def from_mmpose(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert a state dict of mmpose's DEKR to official names, shapes and signs.

    In mmpose, the 17 branches are grouped convolutions, A and t come from one convolution that
    computes A - 1 in place of A, and displacements point from the cell to the joint. Files of
    mmpose 0.x ("offset_conv_layers") have the heatmap of the centre first and official signs.
    The rescoring network in the files is left out.

    Args:
        state: a state dict; one that is not from mmpose is returned unchanged.
    """
    if not any("displacement_conv_layers" in n or "offset_conv_layers" in n for n in state):
        return dict(state)
    mmpose0 = any("offset_conv_layers" in name for name in state)
    official: dict[str, Tensor] = {}
    for name, tensor in state.items():
        part, _, rest = name.partition(".")
        if part == "backbone":
            official[rest] = tensor
        elif not rest.startswith("rescore_net") and part != "rescore_net":
            rest = rest.replace("offset_conv_layers", "displacement_conv_layers")
            official.update(_official_head(rest, tensor, mmpose0))
    return official


def _official_head(name: str, tensor: Tensor, mmpose0: bool) -> Iterator[tuple[str, Tensor]]:
    """Yield the official names and tensors of one tensor of mmpose's head."""
    for mmpose_prefix, prefix in _RENAMED:
        if name.startswith(mmpose_prefix):
            roll = mmpose0 and prefix == "head_heatmap.1."
            yield name.replace(mmpose_prefix, prefix), tensor.roll(-1, 0) if roll else tensor
            return
    if not name.startswith("displacement_conv_layers."):
        yield name, tensor  # an unknown name: the check of names reports it
        return
    _, layer, rest = name.split(".", 2)
    for joint, own in enumerate(_per_joint(tensor, rest)):
        if layer == "3":
            yield f"offset_final_layer.{joint}.{rest}", own if mmpose0 else -own
        else:
            prefix = f"offset_feature_layers.{joint}.{int(layer) - 1}"
            yield from _official_block(prefix, rest, own)


def _per_joint(tensor: Tensor, name: str) -> Sequence[Tensor]:
    """Split a tensor of a grouped convolution into those of the 17 joints."""
    if name == "regular_matrix":
        # mmpose's constant has a third row, of ones, which adds the shift.
        return (tensor[:2],) * JOINTS
    return tensor.chunk(JOINTS) if tensor.ndim else (tensor,) * JOINTS


def _official_block(prefix: str, name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield one joint's tensor of an adaptive block; mmpose has (A, t) as rows of a 2x3 matrix."""
    kind, _, which = name.partition(".")
    if kind != "transform_matrix_conv":
        yield f"{prefix}.{name.replace('norm.', 'bn.')}", tensor
        return
    matrix, shift = tensor[[0, 1, 3, 4]], tensor[[2, 5]]
    if which == "bias":
        matrix = matrix + torch.eye(2, dtype=tensor.dtype).flatten()
    yield f"{prefix}.transform_matrix_conv.{which}", matrix
    yield f"{prefix}.translation_conv.{which}", shift


build_w32 = partial(DEKR, 32)
build_w48 = partial(DEKR, 48)

PAPER = "arXiv 2104.02300"
ORIGIN = "github.com/HRNet/DEKR"
LICENCE = "MIT"
W32_INPUT_HW = (512, 512)
W48_INPUT_HW = (640, 640)
W32_PARAMETERS = 29_561_182
W48_PARAMETERS = 65_684_590
# MACs for one square input. A deformable convolution counts as a plain one of the same shape; its
# bilinear sampling is not counted.
W32_MACS = 45_385_056_256
W48_MACS = 141_526_732_800

SINGLE = "single: whole image, one scale, rescored"
MULTI = "multi: whole image, scales 0.5, 1 and 2, rescored"
README = "DEKR README"
MMPOSE = "https://download.openmmlab.com/mmpose/"


def _official(file: str, one_scale: float, three_scales: float) -> Weights:
    """Describe the authors' checkpoint, which is in a shared folder without a stable address."""
    reported = (
        Reported(one_scale, SINGLE, True, README),
        Reported(three_scales, MULTI, True, README),
    )
    return Weights("official", file, (), None, "MIT (repository)", "COCO train2017", reported)


def _mmpose(tag: str, path: str, sha256: str, *reported: Reported) -> Weights:
    """Describe a checkpoint of mmpose; `sha256` is the prefix that the file name contains."""
    file = path.rsplit("/", 1)[-1]
    licence = "Apache-2.0 (repository)"
    return Weights(tag, file, (MMPOSE + path,), sha256, licence, "COCO train2017", reported)


V1 = "v1/body_2d_keypoint/dekr/coco/"
V1_ZOO = "mmpose 1.x model zoo"
V0 = "bottom_up/dekr/"
V0_ZOO = "mmpose 0.x model zoo"

# Both networks use the same rescoring file.
RESCORE = Weights(
    tag="rescore",
    file="final_rescore_coco_kpt.pth",
    urls=(),
    sha256=None,
    licence="MIT (repository)",
    trained_on="poses of DEKR on COCO train2017",
)

W32_WEIGHTS = (
    _official("pose_dekr_hrnetw32_coco.pth", 0.680, 0.707),
    _mmpose(
        "mmpose",
        f"{V1}dekr_hrnet-w32_8xb10-140e_coco-512x512_ac7c17bf-20221228.pth",
        "ac7c17bf",
        Reported(0.686, SINGLE, True, V1_ZOO),
    ),
    _mmpose(
        "mmpose0",
        f"{V0}hrnet_w32_coco_512x512-2a3056de_20220928.pth",
        "2a3056de",
        Reported(0.680, SINGLE, True, V0_ZOO),
        Reported(0.705, MULTI, True, V0_ZOO),
    ),
    RESCORE,
)

W48_WEIGHTS = (
    _official("pose_dekr_hrnetw48_coco.pth", 0.710, 0.723),
    _mmpose(
        "mmpose",
        f"{V1}dekr_hrnet-w48_8xb10-140e_coco-640x640_74796c32-20230124.pth",
        "74796c32",
        Reported(0.714, SINGLE, True, V1_ZOO),
    ),
    _mmpose(
        "mmpose0",
        f"{V0}hrnet_w48_coco_640x640-8854b2f1_20220930.pth",
        "8854b2f1",
        Reported(0.709, SINGLE, True, V0_ZOO),
        Reported(0.722, MULTI, True, V0_ZOO),
    ),
    RESCORE,
)


def _whole_image(sizing: ShortSide) -> WholeImage:
    return WholeImage(
        sizing,
        CentreOffset(),
        scale_sets=(ONE_SCALE, THREE_SCALES),
        mirror_shift=CentreOffset.mirror_shift,
        rescoring=DEKR_RESCORING,
    )


MODELS = (
    ModelSpec(
        name="dekr-w32-512",
        family="DEKR",
        paper=PAPER,
        origin=ORIGIN,
        licence=LICENCE,
        input_hw=W32_INPUT_HW,
        build=build_w32,
        parameters=W32_PARAMETERS,
        macs=W32_MACS,
        method=_whole_image(ShortSide(512, smallest_counts=False)),
        weights=W32_WEIGHTS,
        convert=from_mmpose,
    ),
    ModelSpec(
        name="dekr-w48-640",
        family="DEKR",
        paper=PAPER,
        origin=ORIGIN,
        licence=LICENCE,
        input_hw=W48_INPUT_HW,
        build=build_w48,
        parameters=W48_PARAMETERS,
        macs=W48_MACS,
        method=_whole_image(ShortSide(640, smallest_counts=False)),
        weights=W48_WEIGHTS,
        convert=from_mmpose,
    ),
)
