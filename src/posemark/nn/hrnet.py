"""The high-resolution trunk of HRNet (arXiv 1902.09212), shared by the families built on it.

Module names are those of the official state dicts. All maps are (N, C, H, W). Branch b has
2**b times the channels and 1 / 2**b of the resolution of branch 0, which has stride 4.
"""

from collections.abc import Iterable, Sequence
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F


def conv_bn(
    inputs: int, outputs: int, size: int, stride: int = 1, relu: bool = False
) -> nn.Sequential:
    """Build a convolution without bias, a batch norm and, if `relu`, a ReLU.

    Args:
        inputs: input channels.
        outputs: output channels.
        size: width and height of the kernel; the padding is half of it.
        stride: stride of the convolution.
        relu: whether a ReLU follows.
    """
    layers = [
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with an identity skip; (N, C, H, W) -> the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + x, inplace=True)


class Bottleneck(nn.Module):
    """Convolutions 1x1, 3x3 and 1x1 with a skip; the output has 4 * `width` channels.

    The skip is a projection if the number of channels changes, and otherwise the identity.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = conv_bn(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        skip = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(y)) + skip, inplace=True)


def _module_list(paths: Iterable[nn.Module | None]) -> nn.ModuleList:
    """A ModuleList that may hold None: torch supports it, but its annotations do not say so."""
    return nn.ModuleList(cast("Iterable[nn.Module]", paths))


def _paths(modules: nn.Module) -> list[nn.Module | None]:
    """The entries of a list made by _module_list."""
    return list(cast("Iterable[nn.Module | None]", modules))


def _fuse_path(source: int, target: int, widths: Sequence[int]) -> nn.Module | None:
    """Build the layers from branch `source` to the channels and resolution of branch `target`."""
    if source == target:
        return None
    if source > target:
        up = nn.Upsample(scale_factor=2 ** (source - target), mode="nearest")
        return nn.Sequential(*conv_bn(widths[source], widths[target], 1), up)
    steps = target - source
    strided = [conv_bn(widths[source], widths[source], 3, 2, relu=True) for _ in range(steps - 1)]
    return nn.Sequential(*strided, conv_bn(widths[source], widths[target], 3, 2))


class Module(nn.Module):
    """Four blocks on every branch, then a sum of all branches for every output branch."""

    def __init__(self, widths: Sequence[int], outputs: int) -> None:
        """Build the module.

        Args:
            widths: channels of the branches, finest first.
            outputs: number of branches that are produced, counted from the finest.
        """
        super().__init__()
        count = len(widths)
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width) for _ in range(4))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            _module_list(_fuse_path(source, target, widths) for source in range(count))
            for target in range(outputs)
        )

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        branches = [blocks(x) for blocks, x in zip(self.branches, branches, strict=True)]
        return [self._fuse(_paths(paths), branches) for paths in self.fuse_layers]

    @staticmethod
    def _fuse(paths: list[nn.Module | None], branches: list[Tensor]) -> Tensor:
        # Summed in branch order, as in the official code: the order changes the rounding.
        first, *others = paths
        total = branches[0] if first is None else first(branches[0])
        for path, x in zip(others, branches[1:], strict=True):
            total = total + (x if path is None else path(x))
        return F.relu(total)


class Trunk(nn.Module):
    """Stem, layer1 and the multi-resolution stages; subclasses add a head."""

    def __init__(self, width: int, modules: Sequence[int], last_outputs: int) -> None:
        """Build the trunk.

        Args:
            width: channels of branch 0.
            modules: number of Modules in each stage, beginning with stage 2; stage s has s
                branches.
            last_outputs: number of branches that the last Module produces.
        """
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Bottleneck(64, 64), *(Bottleneck(256, 64) for _ in range(3)))
        self.stages = len(modules)
        widths = [256]
        for index, count in enumerate(modules):
            previous, widths = widths, [width * 2**b for b in range(index + 2)]
            last = last_outputs if index + 1 == len(modules) else len(widths)
            outputs = [len(widths)] * (count - 1) + [last]
            stage = nn.Sequential(*(Module(widths, n) for n in outputs))
            self.add_module(f"transition{index + 1}", _transition(previous, widths))
            self.add_module(f"stage{index + 2}", stage)

    def features(self, x: Tensor) -> list[Tensor]:
        """Compute the branches after the last stage, finest first, from images (N, 3, H, W)."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        branches = [self.layer1(x)]
        for index in range(1, self.stages + 1):
            transition = self.get_submodule(f"transition{index}")
            branches = _enter_stage(transition, branches)
            branches = self.get_submodule(f"stage{index + 1}")(branches)
        return branches


def _transition(previous: Sequence[int], widths: Sequence[int]) -> nn.ModuleList:
    """Build the paths into a stage; a branch that stays unchanged has None, and so no keys."""
    paths: list[nn.Module | None] = []
    for branch, width in enumerate(widths):
        if branch >= len(previous):
            # A new branch. The extra nesting is part of the official key names.
            paths.append(nn.Sequential(conv_bn(previous[-1], width, 3, 2, relu=True)))
        elif previous[branch] != width:
            paths.append(conv_bn(previous[branch], width, 3, relu=True))
        else:
            paths.append(None)
    return _module_list(paths)


def _enter_stage(transition: nn.Module, branches: list[Tensor]) -> list[Tensor]:
    entered: list[Tensor] = []
    for index, path in enumerate(_paths(transition)):
        source = branches[min(index, len(branches) - 1)]
        entered.append(source if path is None else path(source))
    return entered
