"""Lite-HRNet: four resolutions side by side, in depthwise convolutions and cheap gates.

Paper: Yu et al., "Lite-HRNet: A Lightweight High-Resolution Network", CVPR 2021,
https://arxiv.org/abs/2104.06403. It also brings the naive variants (HRNet out of ShuffleNet
units); PP-TinyPose is the wider naive one, trained with more data.
Origin: https://github.com/HRNet/Lite-HRNet (code: Apache-2.0). Written anew from a
description; the state dict has the official names, which are those of mmpose 0.x too.

The fuse quirk. Where branches are summed, the official code adds in place, begins each sum
with term 0 and then adds all terms, term 0 once more. With F[i][j] bringing branch j to the
resolution of branch i, what comes out is not HRNet's sum but

    s0 = 2 * x0 + sum of F[0][j](xj) over j > 0
    si = 2 * F[i][0](s0) + xi + sum of F[i][j](xj) over j > 0, j != i

so the lower branches see the fused branch 0. All released weights were trained with it;
mmpose, which keeps it as well, measured 0.5 to 1 AP less without.

Deviations, none of which changes a result beyond rounding: F[i][0](s0) is evaluated once
and not twice; concatenation and channel shuffle are one interleaving copy; the pooling to
the smallest branch has fixed whole windows where the official code pools adaptively, which
is the same as height and width are multiples of 32 (and runtimes know it better). The head
of the naive network takes its 30 channels: the official config says 40 and does not run.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, interpolate, relu

from posemark.codecs.heatmap import Heatmap
from posemark.core.spec import ModelSpec, Reported, TopDown, Weights
from posemark.geometry.conventions import MMPOSE0

Branches = list[Tensor]
"""(N, C_i, H / 2^i, W / 2^i) for i = 0, 1, ...: the finest first."""


# ------------------------------------------------------------------------------- blocks


def conv(
    c_in: int,
    c_out: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    norm: bool = True,
    act: nn.Module | None = None,
) -> nn.Sequential:
    """Convolution named "conv", batch norm "bn", activation; a bias only without norm."""
    layers = OrderedDict[str, nn.Module]()
    layers["conv"] = nn.Conv2d(
        c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=not norm
    )
    if norm:
        layers["bn"] = nn.BatchNorm2d(c_out)
    if act is not None:
        layers["act"] = act
    return nn.Sequential(layers)


def depthwise(c: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution of each channel by itself, and batch norm."""
    return conv(c, c, 3, stride, groups=c)


def pointwise(c_in: int, c_out: int) -> nn.Sequential:
    """1x1 convolution, batch norm, ReLU."""
    return conv(c_in, c_out, act=nn.ReLU(inplace=True))


def separable(c_in: int, c_out: int, stride: int, act: bool) -> nn.Sequential:
    """Depthwise 3x3 and pointwise, each with batch norm, numbered and not named."""
    layers: list[nn.Module] = [
        nn.Conv2d(c_in, c_in, 3, stride, 1, groups=c_in, bias=False),
        nn.BatchNorm2d(c_in),
        nn.Conv2d(c_in, c_out, 1, bias=False),
        nn.BatchNorm2d(c_out),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if act else nn.Sequential(*layers)


def interleave(a: Tensor, b: Tensor) -> Tensor:
    """Channels a0, b0, a1, b1, ...: (N, C, H, W) twice -> (N, 2C, H, W).

    The same as a channel shuffle in two groups of their concatenation, with one copy less.
    Exported files hold the shuffle: runtimes know it, in whatever layout their maps have.
    """
    if not torch.onnx.is_in_onnx_export():
        return torch.stack((a, b), 2).flatten(1, 2)
    channels, height, width = map(int, a.shape[1:])
    halves = torch.cat((a, b), 1).view(-1, 2, channels, height, width)
    return halves.transpose(1, 2).reshape(-1, 2 * channels, height, width)


class Stem(nn.Module):
    """The image to stride 4, half of the channels in a narrow and half in a wide way."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = conv(3, 32, 3, stride=2, act=nn.ReLU(inplace=True))
        self.branch1 = nn.Sequential(depthwise(16, stride=2), pointwise(16, 16))
        self.expand_conv = pointwise(16, 32)
        self.depthwise_conv = depthwise(32, stride=2)
        self.linear_conv = pointwise(32, 16)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 32, H/4, W/4)."""
        a, b = self.conv1(x).chunk(2, 1)
        b = self.linear_conv(self.depthwise_conv(self.expand_conv(b)))
        return interleave(self.branch1(a), b)


class SpatialWeighting(nn.Module):
    """A gate for each channel, from its mean over the map (squeeze and excitation)."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1 = conv(c, c // 4, norm=False, act=nn.ReLU(inplace=True))
        self.conv2 = conv(c // 4, c, norm=False, act=nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return x * self.conv2(self.conv1(adaptive_avg_pool2d(x, 1)))


class CrossResolutionWeighting(nn.Module):
    """A gate for each channel and place, computed from all branches at the coarsest size."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.widths = list(widths)
        total = sum(widths)
        self.conv1 = pointwise(total, total // 8)
        self.conv2 = conv(total // 8, total, act=nn.Sigmoid())
        # How much coarser the last branch is than each of the others.
        self.steps = [2**i for i in range(len(widths) - 1, 0, -1)]

    def forward(self, branches: Branches) -> Branches:
        """Half the channels of each branch -> the same shapes."""
        *finer, last = branches
        pooled = [avg_pool2d(x, step) for x, step in zip(finer, self.steps, strict=True)]
        gates = self.conv2(self.conv1(torch.cat([*pooled, last], 1))).split(self.widths, 1)
        upsampled = [
            interpolate(gate, scale_factor=float(step), mode="nearest")
            for gate, step in zip(gates[:-1], self.steps, strict=True)
        ]
        return [x * gate for x, gate in zip(branches, [*upsampled, gates[-1]], strict=True)]


class LiteBlock(nn.Module):
    """Conditional channel weighting: gates in place of the costly 1x1 convolutions.

    Works on the second half of the channels of every branch; the first half passes through.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        halves = tuple(c // 2 for c in widths)
        self.cross_resolution_weighting = CrossResolutionWeighting(halves)
        self.depthwise_convs = nn.ModuleList(depthwise(c) for c in halves)
        self.spatial_weighting = nn.ModuleList(SpatialWeighting(c) for c in halves)

    def forward(self, branches: Branches) -> Branches:
        """Branches -> the same shapes."""
        kept, worked = zip(*(x.chunk(2, 1) for x in branches), strict=True)
        worked = self.cross_resolution_weighting(list(worked))
        layers = zip(self.depthwise_convs, self.spatial_weighting, strict=True)
        worked = [gate(dw(x)) for (dw, gate), x in zip(layers, worked, strict=True)]
        return [interleave(a, b) for a, b in zip(kept, worked, strict=True)]


class ShuffleUnit(nn.Module):
    """ShuffleNet V2 unit of stride 1."""

    def __init__(self, c: int) -> None:
        super().__init__()
        half = c // 2
        self.branch2 = nn.Sequential(pointwise(half, half), depthwise(half), pointwise(half, half))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        a, b = x.chunk(2, 1)
        return interleave(a, self.branch2(b))


class PerBranch(nn.ModuleList):
    """One layer for each branch."""

    def forward(self, branches: Branches) -> Branches:
        """Branches -> branches."""
        return [layer(x) for layer, x in zip(self, branches, strict=True)]


def lite_layers(widths: tuple[int, ...]) -> nn.Module:
    """The two blocks of a module of Lite-HRNet: branches -> branches."""
    return nn.Sequential(LiteBlock(widths), LiteBlock(widths))


def naive_layers(widths: tuple[int, ...]) -> nn.Module:
    """The two blocks of a module of naive Lite-HRNet: branches -> branches."""
    return PerBranch(nn.Sequential(ShuffleUnit(c), ShuffleUnit(c)) for c in widths)


# ------------------------------------------------------------------------------ network


@dataclass(frozen=True)
class Config:
    """A variant. channels: of the four branches. modules: of the three stages."""

    channels: tuple[int, int, int, int]
    modules: tuple[int, int, int]
    layers: Callable[[tuple[int, ...]], nn.Module]
    joints: int = 17


class Transition(nn.ModuleList):
    """n branches -> n + 1; the new one comes from the last, by a step of stride 2."""

    def __init__(self, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        kept = [
            nn.Identity() if a == b else separable(a, b, stride=1, act=True)
            for a, b in zip(before, after, strict=False)
        ]
        new = separable(before[-1], after[-1], stride=2, act=True)
        super().__init__([*kept, nn.Sequential(new)])

    def forward(self, branches: Branches) -> Branches:
        """The branches of one stage -> those of the next."""
        inputs = [*branches, branches[-1]]
        return [layer(x) for layer, x in zip(self, inputs, strict=True)]


def fuse_layer(widths: tuple[int, ...], i: int, j: int) -> nn.Module:
    """F[i][j]: from the width and resolution of branch j to those of branch i."""
    if i == j:
        return nn.Identity()
    if j > i:
        return nn.Sequential(
            nn.Conv2d(widths[j], widths[i], 1, bias=False),
            nn.BatchNorm2d(widths[i]),
            nn.Upsample(scale_factor=float(2 ** (j - i)), mode="nearest"),
        )
    halvings = [separable(widths[j], widths[j], stride=2, act=True) for _ in range(i - j - 1)]
    return nn.Sequential(*halvings, separable(widths[j], widths[i], stride=2, act=False))


class Module(nn.Module):
    """Two blocks, then every branch is summed into every other."""

    def __init__(self, widths: tuple[int, ...], layers: nn.Module) -> None:
        super().__init__()
        n = range(len(widths))
        self.layers = layers
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(fuse_layer(widths, i, j) for j in n) for i in n
        )

    def forward(self, branches: Branches) -> Branches:
        """Branches -> the same shapes."""
        return self.fuse(self.layers(branches))

    def fuse(self, branches: Branches) -> Branches:
        """The sums of the fuse quirk (see the top of this file), rectified."""
        first, *rest = branches
        sums: Branches = []
        for row in self.fuse_layers:
            head, *tail = row
            total = 2 * head(sums[0] if sums else first)
            for layer, x in zip(tail, rest, strict=True):
                total += layer(x)
            sums.append(total)
        # Not in place: training still needs s0, the input of the rows below it.
        return [relu(total) for total in sums]


def stage(config: Config, index: int) -> nn.Sequential:
    """The modules of stage `index`, which has index + 2 branches."""
    widths = config.channels[: index + 2]
    modules = range(config.modules[index])
    return nn.Sequential(*(Module(widths, config.layers(widths)) for _ in modules))


class IterativeHead(nn.Module):
    """From coarse to fine: project, upsample, add."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        coarse_first = widths[::-1]
        self.projects = nn.ModuleList(
            nn.Sequential(OrderedDict(depthwise_conv=depthwise(a), pointwise_conv=pointwise(a, b)))
            for a, b in zip(coarse_first, (*coarse_first[1:], widths[0]), strict=True)
        )

    def forward(self, branches: Branches) -> Tensor:
        """Branches -> (N, C_0, H_0, W_0), the shape of the finest."""
        *finer, x = branches
        first, *others = self.projects
        x = first(x)
        for project, branch in zip(others, reversed(finer), strict=True):
            size = branch.shape[-2:]
            up = interpolate(x, size=size, mode="bilinear", align_corners=True)
            x = project(branch + up)
        return x


class Backbone(nn.Module):
    """Stem, three stages of 2, 3 and 4 branches, head."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths = config.channels
        self.stem = Stem()
        self.transition0 = Transition((32,), widths[:2])
        self.stage0 = stage(config, 0)
        self.transition1 = Transition(widths[:2], widths[:3])
        self.stage1 = stage(config, 1)
        self.transition2 = Transition(widths[:3], widths)
        self.stage2 = stage(config, 2)
        self.head_layer = IterativeHead(widths)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C_0, H/4, W/4)."""
        branches = self.stage0(self.transition0([self.stem(x)]))
        branches = self.stage1(self.transition1(branches))
        branches = self.stage2(self.transition2(branches))
        return self.head_layer(branches)


class LiteHRNet(nn.Module):
    """The network, for inputs whose height and width are multiples of 32."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.backbone = Backbone(config)
        final = nn.Conv2d(config.channels[0], config.joints, 1)
        self.keypoint_head = nn.Sequential(OrderedDict(final_layer=final))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W) -> heatmaps (N, joints, H/4, W/4)."""
        return {"heatmaps": self.keypoint_head(self.backbone(x))}


# ----------------------------------------------------------------------------- variants

LITE_18 = Config(channels=(40, 80, 160, 320), modules=(2, 4, 2), layers=lite_layers)
LITE_30 = Config(channels=(40, 80, 160, 320), modules=(3, 8, 3), layers=lite_layers)
NAIVE_18 = Config(channels=(30, 60, 120, 240), modules=(2, 4, 2), layers=naive_layers)
WIDER_NAIVE_18 = Config(channels=(40, 80, 160, 320), modules=(2, 4, 2), layers=naive_layers)


# ------------------------------------------------------------------------------ weights

DETECTED = "detected (person AP 56.4)"
MMPOSE = "https://download.openmmlab.com/mmpose/top_down/litehrnet/"
# Of the authors' repository, and of mmpose's.
LICENCE = "Apache-2.0 (repository)"


def official(ap: float) -> Weights:
    """The authors' checkpoint: in a cloud folder, without a stable name or link."""
    return Weights(
        tag="official",
        file=None,
        urls=(),
        sha256=None,
        licence=LICENCE,
        trained_on="COCO train2017",
        reported=(Reported(ap, DETECTED, flip=True, source="HRNet/Lite-HRNet README"),),
    )


def mmpose(file: str, sha256: str, ap: float) -> Weights:
    """Retrained by mmpose; state dict under "state_dict", sha256 is the prefix in the name."""
    return Weights(
        tag="mmpose",
        file=file,
        urls=(MMPOSE + file,),
        sha256=sha256,
        licence=LICENCE,
        trained_on="COCO train2017",
        reported=(Reported(ap, DETECTED, flip=True, source="mmpose model zoo"),),
    )


# Converted from the OpenVINO file of PaddleDetection's model, batch norms folded. It was
# measured with its own warp and decoder, not with the convention and codec below.
TINYPOSE = Weights(
    tag="tinypose",
    file="tinypose_256x192_wider_naive_litehrnet18.safetensors",
    urls=(),
    sha256="ed784462a82e12cda8f2c4ff27230f8393cd054100853548569eeb6cd63b6dc6",
    licence="Apache-2.0 (upstream PaddleDetection)",
    trained_on="COCO train2017 + AI Challenger",
    reported=(
        Reported(
            ap=0.688,
            boxes="gt",
            flip=True,
            source="PaddleDetection PP-TinyPose README (DARK k=3, UDP warp)",
        ),
    ),
)


# ------------------------------------------------------------------------------- models


def spec(
    name: str, config: Config, parameters: int, macs: int, weights: tuple[Weights, ...]
) -> ModelSpec:
    """A variant with what all of them share."""
    return ModelSpec(
        name=name,
        family="Lite-HRNet",
        paper="arXiv 2104.06403",
        origin="github.com/HRNet/Lite-HRNet",
        licence="Apache-2.0",
        input_hw=(256, 192),
        build=partial(LiteHRNet, config),
        method=TopDown(MMPOSE0, Heatmap(refine="quarter")),
        parameters=parameters,
        macs=macs,
        weights=weights,
    )


MODELS: tuple[ModelSpec, ...] = (
    spec(
        "litehrnet-18-256x192",
        LITE_18,
        parameters=1_130_769,
        macs=198_626_688,
        weights=(
            official(0.648),
            mmpose("litehrnet18_coco_256x192-6bace359_20211230.pth", "6bace359", 0.642),
        ),
    ),
    spec(
        "litehrnet-30-256x192",
        LITE_30,
        parameters=1_763_717,
        macs=309_451_488,
        weights=(
            official(0.672),
            mmpose("litehrnet30_coco_256x192-4176555b_20210626.pth", "4176555b", 0.676),
        ),
    ),
    spec(
        "naive-litehrnet-18-256x192",
        NAIVE_18,
        parameters=760_365,
        macs=185_517_888,
        weights=(official(0.628),),
    ),
    spec(
        "wider-naive-litehrnet-18-256x192",
        WIDER_NAIVE_18,
        parameters=1_318_625,
        macs=302_331_648,
        weights=(official(0.660), TINYPOSE),
    ),
)
