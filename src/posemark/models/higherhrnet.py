"""HigherHRNet-W32: heatmaps and tags of all people at once, at two resolutions.

Paper: Cheng et al., "HigherHRNet: Scale-Aware Representation Learning for Bottom-Up Human
    Pose Estimation", CVPR 2020 (arXiv 1908.10357).
Origin: github.com/HRNet/HigherHRNet-Human-Pose-Estimation, MIT.

Written from the paper and from facts about the repository. Keys and shapes of the state dict
are the official ones. Deviations: none known; outputs agree with the official code
(tests/models/test_higherhrnet.py).
"""

from functools import partial

import torch
from torch import Tensor, nn

from posemark.codecs.associative_embedding import AssociativeEmbedding
from posemark.core.spec import ONE_SCALE, THREE_SCALES, ModelSpec, Reported, Weights, WholeImage
from posemark.geometry.sizing import ShortSide
from posemark.nn.hrnet import BasicBlock, Trunk


class HigherHRNet(Trunk):
    """HRNet whose finest branch is read at stride 4, enlarged once, and read again.

    forward: images (N, 3, H, W), H and W multiples of 32 -> {"stride4": (N, 34, H/4, W/4),
    17 heatmaps, then 17 tags; "stride2": (N, 17, H/2, W/2), heatmaps}.
    """

    def __init__(self, width: int, joints: int = 17, blocks: int = 4) -> None:
        super().__init__(width, modules=(1, 4, 3), last_outputs=1)
        self.final_layers = nn.ModuleList(
            [nn.Conv2d(width, 2 * joints, 1), nn.Conv2d(width, joints, 1)]
        )
        enlarge = nn.Sequential(
            nn.ConvTranspose2d(width + 2 * joints, width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        # One nesting more than needed, for the official key names: the module's list of
        # enlargements has one entry here, and each of its blocks is a sequence of one.
        refine = (nn.Sequential(BasicBlock(width)) for _ in range(blocks))
        self.deconv_layers = nn.ModuleList([nn.Sequential(enlarge, *refine)])

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        finest = self.features(x)[0]
        stride4 = self.final_layers[0](finest)
        enlarged = self.deconv_layers[0](torch.cat([finest, stride4], 1))
        return {"stride4": stride4, "stride2": self.final_layers[1](enlarged)}


build_w32 = partial(HigherHRNet, 32)

# Of higherhrnet-w32-512, for one input of 512x512. The README's 47.9e9 charges the transposed
# convolution four times; this is what is computed.
PARAMETERS = 28_645_331
MACS = 46_203_404_288

SINGLE = "single: whole image, one scale"
MULTI = "multi: whole image, scales 0.5, 1 and 2"
README = "HigherHRNet README"
ZOO = "mmpose 0.x model zoo"

WEIGHTS = (
    Weights(
        tag="official",
        file="pose_higher_hrnet_w32_512.pth",
        urls=(),
        sha256=None,
        licence="MIT (repository)",
        trained_on="COCO train2017",
        reported=(
            Reported(0.671, SINGLE, True, README),
            Reported(0.699, MULTI, True, README),
        ),
        page="https://drive.google.com/file/d/1V9Iz0ZYy9m8VeaspfKECDW0NKlGsYmO1/view",
    ),
    # A training run of mmpose; the hex digits in the name begin the file's SHA-256. The zoo
    # calls its second figure multi-scale and does not name the scales in that table.
    Weights(
        tag="mmpose",
        file="higher_hrnet32_coco_512x512-8ae85183_20200713.pth",
        urls=(
            "https://download.openmmlab.com/mmpose/bottom_up/"
            "higher_hrnet32_coco_512x512-8ae85183_20200713.pth",
        ),
        sha256="8ae85183",
        licence="Apache-2.0 (repository)",
        trained_on="COCO train2017",
        reported=(
            Reported(0.677, SINGLE, True, ZOO),
            Reported(0.706, MULTI, True, ZOO),
        ),
    ),
)

MODELS = (
    ModelSpec(
        name="higherhrnet-w32-512",
        family="HigherHRNet",
        paper="arXiv 1908.10357",
        origin="github.com/HRNet/HigherHRNet-Human-Pose-Estimation",
        licence="MIT",
        input_hw=(512, 512),
        build=build_w32,
        parameters=PARAMETERS,
        macs=MACS,
        method=WholeImage(
            ShortSide(512, smallest_counts=True),
            AssociativeEmbedding(),
            scale_sets=(ONE_SCALE, THREE_SCALES),
        ),
        weights=WEIGHTS,
    ),
)
