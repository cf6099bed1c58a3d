"""OpenPose: the two released body networks, bottom-up, as Caffe described them.

Paper: Cao et al., "OpenPose: Realtime Multi-Person 2D Pose Estimation using Part Affinity
    Fields", TPAMI 2019 (arXiv 1812.08008).
Origin: github.com/CMU-Perceptual-Computing-Lab/openpose. Code and models: CMU's licence for
    academic or non-profit, non-commercial research. Nothing of that code is in here: the
    layer lists below were written from a description of the networks' structure.

Every layer keeps its flat Caffe name, so that the released .caffemodel loads key by key.
A stage reads the features of a VGG-19 trunk and what earlier stages put out. "L1" and "L2"
mean opposite things in the two networks; both put out [part maps, background, PAFs].

Deviations: none known. Caffe's pooling rounds odd sizes up and ours down, which differs only
for inputs that are no multiple of 8; OpenPose itself takes multiples of 16.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

from posemark.codecs.paf import BODY_25, COCO_18, Paf
from posemark.core.spec import ModelSpec, Pixels, Reported, Weights, WholeImage
from posemark.geometry.net_resolution import NetResolution

STRIDE = 8

# Bytes in OpenCV's channel order, to -0.5 .. 0.5; images that grow are sampled bicubically.
CAFFE = Pixels("bgr", 256, (0.5, 0.5, 0.5), (1, 1, 1), cubic="enlarging")

# (name, outputs) of the trunk's 3x3 convolutions; None is a 2x2 pooling.
VGG: tuple[tuple[str, int] | None, ...] = (
    *(("conv1_1", 64), ("conv1_2", 64), None),
    *(("conv2_1", 128), ("conv2_2", 128), None),
    *(("conv3_1", 256), ("conv3_2", 256), ("conv3_3", 256), ("conv3_4", 256), None),
    *(("conv4_1", 512), ("conv4_2", 512), ("conv4_3_CPM", 256), ("conv4_4_CPM", 128)),
)
FEATURES = 128


class CaffeNet(nn.Module):
    """Convolutions under flat names, each with the activation that follows it."""

    def __init__(self) -> None:
        super().__init__()
        self._plain: set[str] = set()

    def add(self, name: str, inputs: int, outputs: int, kernel: int = 3, act: str = "relu") -> None:
        """A convolution that keeps the size. act: "relu", "prelu" (a layer too) or "none"."""
        self.add_module(name, nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))
        if act == "prelu":
            self.add_module(_prelu(name), nn.PReLU(outputs))
        elif act == "none":
            self._plain.add(name)

    def apply_layer(self, name: str, x: Tensor) -> Tensor:
        """The named convolution with its activation: (N, C, H, W) -> (N, C', H, W)."""
        x = self.get_submodule(name)(x)
        if name in self._plain:
            return x
        slope = self._modules.get(_prelu(name))
        return relu(x, inplace=True) if slope is None else slope(x)

    def apply_layers(self, names: Iterable[str], x: Tensor) -> Tensor:
        """The named layers one after the other."""
        for name in names:
            x = self.apply_layer(name, x)
        return x

    def add_trunk(self, act_of: Callable[[str], str]) -> None:
        """The VGG-19 trunk. act_of: name -> activation."""
        width = 3
        for name, outputs in filter(None, VGG):
            self.add(name, width, outputs, act=act_of(name))
            width = outputs

    def features(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 128, H/8, W/8)."""
        for layer in VGG:
            x = max_pool2d(x, 2) if layer is None else self.apply_layer(layer[0], x)
        return x


def _prelu(conv: str) -> str:
    return conv.replace("conv", "prelu", 1)


# ------------------------------------------------------------------------------- BODY_25


class Body25(CaffeNet):
    """Four stages of PAFs, then two of part maps; each 3x3 triplet is densely joined.

    forward: BGR images (N, 3, H, W) as v / 256 - 0.5, H and W multiples of 16 -> {"maps":
    (N, 78, H/8, W/8)}: 25 parts, background, 26 PAFs as x and y.
    """

    PAFS, PARTS = 52, 26

    def __init__(self) -> None:
        super().__init__()
        learned = ("conv4_2", "conv4_3_CPM", "conv4_4_CPM")
        self.add_trunk(lambda name: "prelu" if name in learned else "relu")
        for stage in range(4):
            self._add_stage(f"stage{stage}_L2", FEATURES + self.PAFS * (stage > 0), self.PAFS)
        self._add_stage("stage0_L1", FEATURES + self.PAFS, self.PARTS)
        self._add_stage("stage1_L1", FEATURES + self.PARTS + self.PAFS, self.PARTS)

    def _add_stage(self, stage: str, inputs: int, outputs: int) -> None:
        width, hidden = (96, 256) if stage.startswith("stage0") else (128, 512)
        for triplet in range(1, 6):
            for part in range(3):
                name = f"Mconv{triplet}_{stage}_{part}"
                self.add(name, inputs if part == 0 else width, width, act="prelu")
            inputs = 3 * width
        self.add(f"Mconv6_{stage}", inputs, hidden, 1, act="prelu")
        self.add(f"Mconv7_{stage}", hidden, outputs, 1, act="none")

    def _stage(self, stage: str, *inputs: Tensor) -> Tensor:
        x = torch.cat(inputs, 1)
        for triplet in range(1, 6):
            parts = [x]
            for part in range(3):
                parts.append(self.apply_layer(f"Mconv{triplet}_{stage}_{part}", parts[-1]))
            x = torch.cat(parts[1:], 1)
        return self.apply_layers((f"Mconv6_{stage}", f"Mconv7_{stage}"), x)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.features(x)
        pafs = self._stage("stage0_L2", features)
        for stage in range(1, 4):
            pafs = self._stage(f"stage{stage}_L2", features, pafs)
        parts = self._stage("stage0_L1", features, pafs)
        parts = self._stage("stage1_L1", features, parts, pafs)
        return {"maps": torch.cat([parts, pafs], 1)}


# ---------------------------------------------------------------------------------- COCO


class Coco(CaffeNet):
    """Six stages of two branches, PAFs and part maps, from the second on in 7x7 steps.

    forward: BGR images (N, 3, H, W) as v / 256 - 0.5, H and W multiples of 16 -> {"maps":
    (N, 57, H/8, W/8)}: 18 parts, background, 19 PAFs as x and y.
    """

    BRANCHES = (("L1", 38), ("L2", 19))
    STAGES = 6

    def __init__(self) -> None:
        super().__init__()
        self.add_trunk(lambda _: "relu")
        inputs = FEATURES
        for stage in range(1, self.STAGES + 1):
            self._add_stage(stage, inputs)
            inputs = FEATURES + 38 + 19

    def _add_stage(self, stage: int, inputs: int) -> None:
        kernels = (3, 3, 3, 1, 1) if stage == 1 else (7, 7, 7, 7, 7, 1, 1)
        widths = [inputs, *[128] * (len(kernels) - 1)]
        if stage == 1:
            widths[-1] = 512
        for index, kernel in enumerate(kernels):
            last = index + 1 == len(kernels)
            for branch, outputs in self.BRANCHES:
                width = outputs if last else widths[index + 1]
                name = _coco_layer(stage, index + 1, branch)
                self.add(name, widths[index], width, kernel, "none" if last else "relu")

    def _branch(self, stage: int, branch: str, x: Tensor) -> Tensor:
        layers = range(1, 6 if stage == 1 else 8)
        return self.apply_layers((_coco_layer(stage, i, branch) for i in layers), x)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.features(x)
        x = features
        for stage in range(1, self.STAGES + 1):
            pafs, parts = (self._branch(stage, branch, x) for branch, _ in self.BRANCHES)
            x = torch.cat([pafs, parts, features], 1)
        return {"maps": torch.cat([parts, pafs], 1)}


def _coco_layer(stage: int, layer: int, branch: str) -> str:
    return f"conv5_{layer}_CPM_{branch}" if stage == 1 else f"Mconv{layer}_stage{stage}_{branch}"


# ------------------------------------------------------------------------------ variants


PAPER = "arXiv 1812.08008"
ORIGIN = "github.com/CMU-Perceptual-Computing-Lab/openpose"
LICENCE = "CMU non-commercial"
COPY = (
    "https://huggingface.co/camenduru/openpose/resolve/"
    "f67df11200f96068406fe707dd5fd6b70ba0e346/models/pose/"
)


def _official(
    path: str, md5: str, sha256: str | None, trained_on: str, reported: Reported
) -> tuple[Weights, ...]:
    """The released file. Its own server speaks no https, so that a copy is fetched.

    md5: what OpenPose's own build checks. sha256: of two public copies, where they are known.
    """
    row = Weights(
        tag="official",
        file=path.rpartition("/")[2],
        urls=(COPY + path,),
        sha256=sha256,
        licence=LICENCE,
        trained_on=trained_on,
        reported=(reported,),
        md5=md5,
    )
    return (row,)


# The repository holds no table of APs.
SINGLE = "single: whole image, one scale"

MODELS = (
    ModelSpec(
        name="openpose-body25",
        family="OpenPose",
        paper=PAPER,
        origin=ORIGIN,
        licence=LICENCE,
        input_hw=(368, 656),
        build=Body25,
        parameters=26_166_084,
        macs=143_630_517_760,
        method=WholeImage(NetResolution(), Paf(BODY_25)),
        pixels=CAFFE,
        weights=_official(
            "body_25/pose_iter_584000.caffemodel",
            "78287b57cf85fa89c03f1393d368e5b7",
            None,
            "COCO and CMU's foot annotations",
            Reported(0.523, SINGLE, False, "a comment in OpenPose's source, a tuning figure"),
        ),
    ),
    ModelSpec(
        name="openpose-coco",
        family="OpenPose",
        paper=PAPER,
        origin=ORIGIN,
        licence=LICENCE,
        input_hw=(368, 656),
        build=Coco,
        parameters=52_311_446,
        macs=242_317_142_528,
        method=WholeImage(NetResolution(), Paf(COCO_18)),
        pixels=CAFFE,
        weights=_official(
            "coco/pose_iter_440000.caffemodel",
            "5156d31f670511fce9b4e28b403f2939",
            "b4cf475576abd7b15d5316f1ee65eb492b5c9f5865e70a2e7882ed31fb682549",
            "COCO",
            Reported(0.486, SINGLE, False, "lightweight-human-pose-estimation issue 124"),
        ),
    ),
)
