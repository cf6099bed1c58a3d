"""HRNet, DarkPose and FPD: three ways to train and read one and the same network.

HRNet: "Deep High-Resolution Representation Learning for Human Pose Estimation"
    (arXiv 1902.09212), leoxiaobin/deep-high-resolution-net.pytorch, MIT.
DarkPose: "Distribution-Aware Coordinate Representation for Human Pose Estimation"
    (arXiv 1910.06278), ilovepose/DarkPose, Apache-2.0. Other decoding and pixel convention.
FPD: "Fast Human Pose Estimation" (arXiv 1811.05419),
    ilovepose/fast-human-pose-estimation.pytorch, MIT. An HRNet-W32 trained by distillation
    from HRNet-W48; nothing else differs.

Written from the papers and from facts about the repositories. Keys and shapes of the state
dict are the official ones. Deviations: none known; outputs agree with the official code
(tests/models/test_hrnet.py).
"""

from functools import partial

from torch import Tensor, nn

from posemark.codecs.heatmap import Heatmap
from posemark.core.spec import ModelSpec, Reported, TopDown, Weights
from posemark.geometry.conventions import DARK, HRNET
from posemark.nn.hrnet import Trunk


class PoseHRNet(Trunk):
    """HRNet with a 1x1 head on the finest branch.

    forward: images (N, 3, H, W), H and W multiples of 32 -> {"heatmaps": (N, 17, H/4, W/4)}.
    """

    def __init__(self, width: int, joints: int = 17) -> None:
        super().__init__(width, modules=(1, 4, 3), last_outputs=1)
        self.final_layer = nn.Conv2d(width, joints, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"heatmaps": self.final_layer(self.features(x)[0])}


build_w32 = partial(PoseHRNet, 32)
build_w48 = partial(PoseHRNet, 48)

DETECTED = "detected (person AP 56.4)"
HRNET_PAPER = "arXiv 1902.09212"
HRNET_ORIGIN = "github.com/leoxiaobin/deep-high-resolution-net.pytorch"
DARK_PAPER = "arXiv 1910.06278"
DARK_ORIGIN = "github.com/ilovepose/DarkPose"
MMPOSE = "https://download.openmmlab.com/mmpose/"
V0, V1 = "top_down/hrnet/", "v1/body_2d_keypoint/topdown_heatmap/coco/"
ZOOS = {"mmpose": (V0, "mmpose 0.x model zoo"), "mmpose1": (V1, "mmpose 1.x model zoo")}
MIT, APACHE = "MIT (repository)", "Apache-2.0 (repository)"


def _official(file: str | None, licence: str, *reported: Reported) -> Weights:
    """The authors' checkpoint: on file shares without a stable address."""
    return Weights("official", file, (), None, licence, "COCO train2017", reported)


def _copied(file: str, size: int, sha256: str, drive: str, *reported: Reported) -> Weights:
    """The authors' checkpoint of which somebody keeps a copy with a stable address.

    The digest stands in public places that know nothing of each other. drive: the number of the
    authors' own file on Google Drive.
    """
    return Weights(
        tag="official",
        file=file,
        urls=(f"https://huggingface.co/Prophetetc/cocopose/resolve/main/{file}",),
        sha256=sha256,
        licence=MIT,
        trained_on="COCO train2017",
        reported=reported,
        size=size,
        page=f"https://drive.google.com/file/d/{drive}/view",
    )


def _mmpose(tag: str, file: str, ap: float) -> Weights:
    """A training run of mmpose; the eight hex digits in the name begin the file's SHA-256."""
    folder, zoo = ZOOS[tag]
    prefix = file.removesuffix(".pth").split("-")[-1].split("_")[0]
    row = Reported(ap, DETECTED, True, zoo)
    urls = (MMPOSE + folder + file,)
    return Weights(tag, file, urls, prefix, APACHE, "COCO train2017", (row,))


MODELS = (
    ModelSpec(
        name="hrnet-w32-256x192",
        family="HRNet",
        paper=HRNET_PAPER,
        origin=HRNET_ORIGIN,
        licence="MIT",
        input_hw=(256, 192),
        build=build_w32,
        shared_network="hrnet-w32",
        method=TopDown(HRNET, Heatmap("quarter")),
        parameters=28_536_113,
        macs=7_645_003_776,
        weights=(
            _copied(
                "pose_hrnet_w32_256x192.pth",
                114_721_619,
                "19bc083708bb8d873211e50d85d56344c10290c6e8b564c813fdde09645c4c1c",
                "1zYC7go9EV0XaSlSBjMaiyE_4TcHc_S38",
                Reported(0.744, DETECTED, True, "HRNet README"),
                Reported(0.765, "gt", True, "HRNet issue #174, a user's figure"),
            ),
            _mmpose("mmpose", "hrnet_w32_coco_256x192-c78dce93_20200708.pth", 0.746),
            _mmpose(
                "mmpose1", "td-hm_hrnet-w32_8xb64-210e_coco-256x192-81c58e40_20220909.pth", 0.746
            ),
        ),
    ),
    ModelSpec(
        name="hrnet-w48-384x288",
        family="HRNet",
        paper=HRNET_PAPER,
        origin=HRNET_ORIGIN,
        licence="MIT",
        input_hw=(384, 288),
        build=build_w48,
        shared_network="hrnet-w48",
        method=TopDown(HRNET, Heatmap("quarter", sigma=3.0)),
        parameters=63_595_745,
        macs=35_306_606_592,
        weights=(
            _copied(
                "pose_hrnet_w48_384x288.pth",
                255_061_287,
                "95e0fec3194826d5e3f806ea89be68bbb84517b114c3a32b3058c56610b5ef61",
                "1UoJhTtjHNByZSm96W3yFTfU5upJnsKiS",
                Reported(0.763, DETECTED, True, "HRNet README"),
            ),
            _mmpose("mmpose", "hrnet_w48_coco_384x288-314c8528_20200708.pth", 0.767),
            _mmpose(
                "mmpose1", "td-hm_hrnet-w48_8xb32-210e_coco-384x288-c161b7de_20220915.pth", 0.767
            ),
        ),
    ),
    ModelSpec(
        name="dark-w32-256x192",
        family="DarkPose",
        paper=DARK_PAPER,
        origin=DARK_ORIGIN,
        licence="Apache-2.0",
        input_hw=(256, 192),
        build=build_w32,
        shared_network="hrnet-w32",
        method=TopDown(DARK, Heatmap("dark")),
        parameters=28_536_113,
        macs=7_645_003_776,
        weights=(
            _official(None, APACHE, Reported(0.756, DETECTED, True, "DarkPose README")),
            _mmpose("mmpose", "hrnet_w32_coco_256x192_dark-07f147eb_20200812.pth", 0.757),
            _mmpose(
                "mmpose1",
                "td-hm_hrnet-w32_dark-8xb64-210e_coco-256x192-0e00bf12_20220914.pth",
                0.757,
            ),
        ),
    ),
    ModelSpec(
        name="dark-w48-384x288",
        family="DarkPose",
        paper=DARK_PAPER,
        origin=DARK_ORIGIN,
        licence="Apache-2.0",
        input_hw=(384, 288),
        build=build_w48,
        shared_network="hrnet-w48",
        method=TopDown(DARK, Heatmap("dark", sigma=3.0)),
        parameters=63_595_745,
        macs=35_306_606_592,
        weights=(
            _official(None, APACHE, Reported(0.768, DETECTED, True, "DarkPose README")),
            _mmpose("mmpose", "hrnet_w48_coco_384x288_dark-e881a4b6_20210203.pth", 0.772),
            _mmpose(
                "mmpose1",
                "td-hm_hrnet-w48_dark-8xb32-210e_coco-384x288-39c3c381_20220916.pth",
                0.772,
            ),
        ),
    ),
    ModelSpec(
        name="fpd-w32-256x192",
        family="FPD",
        paper="arXiv 1811.05419",
        origin="github.com/ilovepose/fast-human-pose-estimation.pytorch",
        licence="MIT",
        input_hw=(256, 192),
        build=build_w32,
        shared_network="hrnet-w32",
        method=TopDown(HRNET, Heatmap("quarter")),
        parameters=28_536_113,
        macs=7_645_003_776,
        weights=(
            _official(
                "pose_hrnet_w32_student_FPD.pth",
                MIT,
                Reported(0.751, DETECTED, True, "FPD README"),
            ),
        ),
    ),
)
