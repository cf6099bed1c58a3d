"""TransPose: a transformer encoder between a convolutional trunk and the heatmaps.

Paper: Yang et al., "TransPose: Keypoint Localization via Transformer", ICCV 2021
    (arXiv 2012.14214).
Origin: github.com/yangsenius/TransPose, MIT. Written from facts about the repository; the keys
and shapes of the state dict are the official ones.

The trunk of the R variants is the first half of a ResNet-50 (stride 8, with one deconvolution
after the encoder); that of the H variants is the first three stages of HRNet (stride 4). Every
map cell is a token.

The sine table of positions is a frozen tensor in the official checkpoints with one row per
token. A network therefore accepts images of one size only.

Deviations, none of which changes a result beyond rounding: attention runs batch first and
through torch's fused kernel, and queries and keys are projected together. The official yaml
files also name a plain decoder and a shifted flip, but the official code reads neither and
always decodes as DarkPose does; the variants below declare what the code does.
"""

import math
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import linear, max_pool2d, relu, scaled_dot_product_attention

from posemark.codecs.heatmap import Heatmap
from posemark.core.spec import ModelSpec, Reported, TopDown, Weights
from posemark.geometry.conventions import DARK
from posemark.nn.hrnet import Bottleneck, Trunk, conv_bn

# ------------------------------------------------------------------------------ encoder


def sine_table(height: int, width: int, channels: int) -> nn.Parameter:
    """Build the position encoding of every token, as in DETR.

    The first half of the channels encodes y, the second half x, each with alternating sines and
    cosines. Rows and columns count from 1, and the last one is at a full turn.

    Args:
        height: rows of the map.
        width: columns of the map.
        channels: channels C of a token.

    Returns:
        A frozen parameter (H*W, 1, C), with the rows of the map one after the other.
    """
    half = channels // 2
    frequency = 10000.0 ** (2 * (np.arange(half) // 2) / half)

    def waves(count: int) -> NDArray[np.float64]:
        turns = np.arange(1, count + 1) / (count + 1e-6) * 2 * math.pi
        angles = turns[:, None] / frequency
        return np.where(np.arange(half) % 2 == 0, np.sin(angles), np.cos(angles))

    shape = (height, width, half)
    ys = np.broadcast_to(waves(height)[:, None], shape)
    xs = np.broadcast_to(waves(width)[None], shape)
    table = np.concatenate([ys, xs], 2).reshape(height * width, 1, channels)
    return nn.Parameter(torch.tensor(table, dtype=torch.float32), requires_grad=False)


class SelfAttention(nn.Module):
    """Multi-head attention that adds positions to queries and keys, but not to values.

    The parameters are those of torch's MultiheadAttention: q, k and v are stacked in in_proj.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        nn.init.xavier_uniform_(self.in_proj_weight)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Tokens (N, L, C) and positions (1, L, C) -> (N, L, C)."""
        split = 2 * x.shape[2]
        weight, bias = self.in_proj_weight, self.in_proj_bias
        query, key = linear(x + positions, weight[:split], bias[:split]).chunk(2, 2)
        value = linear(x, weight[split:], bias[split:])
        query, key, value = (self._split_heads(each) for each in (query, key, value))
        mixed = _attention(query, key, value, self.out_proj.in_features // self.heads)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def _split_heads(self, tokens: Tensor) -> Tensor:
        """Tokens (N, L, C) -> (N, heads, L, C / heads)."""
        count, places = tokens.shape[:2]
        width = self.out_proj.in_features // self.heads
        return tokens.reshape(count, places, self.heads, width).transpose(1, 2)


def _attention(query: Tensor, key: Tensor, value: Tensor, width: int) -> Tensor:
    """Attention of each head: (N, heads, L, width) three times -> (N, heads, L, width).

    An exported file has it as separate operators, as torch's exporter writes it, too, but only
    for operator sets from 14 on. Both factors are scaled, so that no product grows large.
    """
    if not torch.onnx.is_in_onnx_export():
        return scaled_dot_product_attention(query, key, value)
    scale = width**-0.25
    products = (query * scale) @ (key * scale).transpose(2, 3)
    return products.softmax(3) @ value


class EncoderLayer(nn.Module):
    """Attention, then two linear layers; each result is added to its input and normalised."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.self_attn = SelfAttention(width, heads)
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        """Tokens (N, L, C) and positions (1, L, C) -> (N, L, C)."""
        x = self.norm1(x + self.self_attn(x, positions))
        return self.norm2(x + self.linear2(relu(self.linear1(x), inplace=True)))


class Encoder(nn.Module):
    """Encoder layers that each add the positions again, without a norm after the last layer."""

    def __init__(self, layers: int, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(width, hidden, heads) for _ in range(layers))

    def forward(self, maps: Tensor, positions: Tensor) -> Tensor:
        """Maps (N, C, H, W) and positions (H*W, 1, C) -> (N, C, H, W)."""
        tokens = maps.flatten(2).transpose(1, 2)
        for layer in self.layers:
            tokens = layer(tokens, positions.transpose(0, 1))
        return tokens.transpose(1, 2).reshape(maps.shape)


# ----------------------------------------------------------------------------- networks


class StridedBottleneck(Bottleneck):
    """A bottleneck that halves the resolution, in its 3x3 convolution and its projection."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        self.conv2 = nn.Conv2d(width, width, 3, 2, 1, bias=False)
        self.downsample = conv_bn(inputs, 4 * width, 1, 2)


class TransPoseR(nn.Module):
    """The first half of a ResNet-50, the encoder at stride 8, and one deconvolution.

    forward: images (N, 3, 256, 192) -> {"heatmaps": (N, 17, 64, 48)}.
    """

    def __init__(self, layers: int, joints: int = 17) -> None:
        super().__init__()
        width = 256
        self.pos_embedding = sine_table(32, 24, width)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(2)))
        self.layer2 = nn.Sequential(
            StridedBottleneck(256, 128), *(Bottleneck(512, 128) for _ in range(3))
        )
        self.reduce = nn.Conv2d(512, width, 1, bias=False)
        self.global_encoder = Encoder(layers, width, hidden=1024, heads=8)
        self.deconv_layers = nn.Sequential(
            nn.ConvTranspose2d(width, width, 4, 2, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.final_layer = nn.Conv2d(width, joints, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.layer2(self.layer1(max_pool2d(x, 3, 2, 1)))
        x = self.global_encoder(self.reduce(x), self.pos_embedding)
        return {"heatmaps": self.final_layer(self.deconv_layers(x))}


class TransPoseH(Trunk):
    """HRNet up to its third stage; the encoder runs on the finest branch.

    forward: images (N, 3, 256, 192) -> {"heatmaps": (N, 17, 64, 48)}.
    """

    def __init__(self, trunk: int, layers: int, width: int, hidden: int, joints: int = 17) -> None:
        """Build the network.

        Args:
            trunk: channels of the finest branch of HRNet.
            layers: layers of the encoder, which has one attention head.
            width: channels of a token.
            hidden: channels between the two linear layers of an encoder layer.
            joints: key points, one heatmap each.
        """
        super().__init__(trunk, modules=(1, 4), last_outputs=1)
        self.pos_embedding = sine_table(64, 48, width)
        self.reduce = nn.Conv2d(trunk, width, 1, bias=False)
        self.global_encoder = Encoder(layers, width, hidden, heads=1)
        self.final_layer = nn.Conv2d(width, joints, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.reduce(self.features(x)[0])
        return {"heatmaps": self.final_layer(self.global_encoder(x, self.pos_embedding))}


# ------------------------------------------------------------------------------- models

DETECTED = "detected (person AP 56.4)"
ORIGIN = "github.com/yangsenius/TransPose"


def official(file: str, detected: float, gt: float) -> tuple[Weights, ...]:
    """Describe the authors' checkpoint on the repository's release page "Hub".

    Its SHA-256 is not published.

    Args:
        file: name of the file.
        detected: published AP (0..1) on the boxes of the official detector.
        gt: published AP (0..1) on annotated boxes.
    """
    source = "TransPose README"
    reported = (Reported(detected, DETECTED, True, source), Reported(gt, "gt", True, source))
    urls = (f"https://{ORIGIN}/releases/download/Hub/{file}",)
    licence = "MIT (repository)"
    return (Weights("official", file, urls, None, licence, "COCO train2017", reported),)


# All variants have one input size, the DarkPose convention and DARK's default kernel of 11 cells.
_spec = partial(
    ModelSpec,
    family="TransPose",
    paper="arXiv 2012.14214",
    origin=ORIGIN,
    licence="MIT",
    input_hw=(256, 192),
    method=TopDown(DARK, Heatmap("dark")),
)

MODELS: tuple[ModelSpec, ...] = (
    _spec(
        name="transpose-r-a3-256x192",
        build=partial(TransPoseR, layers=3),
        parameters=5_195_345,
        macs=5_413_797_888,
        weights=official("tp_r_256x192_enc3_d256_h1024_mh8.pth", 0.717, 0.738),
    ),
    _spec(
        name="transpose-r-a4-256x192",
        build=partial(TransPoseR, layers=4),
        parameters=5_985_105,
        macs=6_319_767_552,
        weights=official("tp_r_256x192_enc4_d256_h1024_mh8.pth", 0.726, 0.751),
    ),
    _spec(
        name="transpose-h-s-256x192",
        build=partial(TransPoseH, trunk=32, layers=4, width=64, hidden=128),
        parameters=8_019_281,
        macs=9_928_900_608,
        weights=official("tp_h_32_256x192_enc4_d64_h128_mh1.pth", 0.742, 0.761),
    ),
    _spec(
        name="transpose-h-a4-256x192",
        build=partial(TransPoseH, trunk=48, layers=4, width=96, hidden=192),
        parameters=17_306_129,
        macs=17_205_460_992,
        weights=official("tp_h_48_256x192_enc4_d96_h192_mh1.pth", 0.753, 0.775),
    ),
    _spec(
        name="transpose-h-a6-256x192",
        build=partial(TransPoseH, trunk=48, layers=6, width=96, hidden=192),
        parameters=17_455_697,
        macs=21_282_324_480,
        weights=official("tp_h_48_256x192_enc6_d96_h192_mh1.pth", 0.758, 0.781),
    ),
)
