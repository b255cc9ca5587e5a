"""Seven small networks in PyTorch, as they are published or in their manner."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _unit(module: nn.Module, channels: int, activation: nn.Module | None) -> list[nn.Module]:
    normed: list[nn.Module] = [module, nn.BatchNorm2d(channels)]
    return normed + ([] if activation is None else [activation])


class _Residual(nn.Module):
    """Two 3x3 convolutions beside a way round them."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            *_unit(nn.Conv2d(before, after, 3, stride, 1), after, nn.ReLU()),
            *_unit(nn.Conv2d(after, after, 3, 1, 1), after, None),
        )
        self.round = nn.Identity() if stride == 1 else nn.Conv2d(before, after, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.way(x) + self.round(x))


class ResNet8(nn.Module):
    """Image classification of MLPerf Tiny: [3, 32, 32] -> 10 kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_unit(nn.Conv2d(3, 16, 3, 1, 1), 16, nn.ReLU()),
            *(_Residual(16, 16, 1), _Residual(16, 32, 2), _Residual(32, 64, 2)),
            nn.AvgPool2d(8),
            nn.Flatten(),
        )
        self.head = nn.Linear(64, 10)

    def forward(self, picture: Tensor) -> Tensor:
        return torch.softmax(self.head(self.body(picture)), dim=1)


def _separable(before: int, after: int, stride: int) -> list[nn.Module]:
    depthwise = nn.Conv2d(before, before, 3, stride, 1, groups=before, bias=False)
    pointwise = nn.Conv2d(before, after, 1, bias=False)
    return [*_unit(depthwise, before, nn.ReLU()), *_unit(pointwise, after, nn.ReLU())]


class DsCnn(nn.Module):
    """Keyword spotting of MLPerf Tiny: [1, 49, 10] -> 12 words; the first padding is uneven."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ZeroPad2d((1, 1, 4, 5)),
            *_unit(nn.Conv2d(1, 64, (10, 4), 2, bias=False), 64, nn.ReLU()),
            *(module for _ in range(4) for module in _separable(64, 64, 1)),
            nn.AvgPool2d((25, 5)),
            nn.Flatten(),
        )
        self.head = nn.Linear(64, 12)

    def forward(self, cepstrum: Tensor) -> Tensor:
        return torch.softmax(self.head(self.body(cepstrum)), dim=1)


class MobileNet(nn.Module):
    """Visual wake words of MLPerf Tiny: MobileNetV1 of a quarter of the width, [3, 96, 96] -> 2."""

    STEPS = (
        *((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)),
        *((128, 1),) * 5,
        *((256, 2), (256, 1)),
    )

    def __init__(self) -> None:
        super().__init__()
        modules = _unit(nn.Conv2d(3, 8, 3, 2, 1, bias=False), 8, nn.ReLU())
        before = 8
        for after, stride in self.STEPS:
            modules += _separable(before, after, stride)
            before = after
        self.body = nn.Sequential(*modules, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(256, 2)

    def forward(self, picture: Tensor) -> Tensor:
        return torch.softmax(self.head(self.body(picture)), dim=1)


class Autoencoder(nn.Module):
    """Anomaly detection of MLPerf Tiny: 640 - 4 x 128 - 8 - 4 x 128 - 640."""

    SIZES = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128)

    def __init__(self) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        for before, after in zip(self.SIZES, self.SIZES[1:], strict=False):
            modules += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
        self.body = nn.Sequential(*modules)
        self.head = nn.Linear(128, 640)

    def forward(self, sound: Tensor) -> Tensor:
        result: Tensor = self.head(self.body(sound))
        return result


class UNet(nn.Module):
    """Segmentation: [1, 48, 48] -> a mask; one way up is learnt, the other repeats pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = self._double(1, 8)
        self.middle = self._double(8, 16)
        self.deep = self._double(16, 32)
        self.learnt = nn.ConvTranspose2d(32, 16, 2, 2)
        self.repeated = nn.Upsample(scale_factor=2, mode="nearest")
        self.joined_middle = self._double(32, 16)
        self.joined_wide = self._double(24, 8)
        self.head = nn.Conv2d(8, 1, 1)

    @staticmethod
    def _double(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(
            *_unit(nn.Conv2d(before, after, 3, 1, 1, bias=False), after, nn.ReLU()),
            *_unit(nn.Conv2d(after, after, 3, 1, 1, bias=False), after, nn.ReLU()),
        )

    def forward(self, picture: Tensor) -> Tensor:
        wide = self.wide(picture)
        middle = self.middle(nn.functional.max_pool2d(wide, 2))
        deep = self.deep(nn.functional.max_pool2d(middle, 2))
        middle = self.joined_middle(torch.cat([self.learnt(deep), middle], dim=1))
        wide = self.joined_wide(torch.cat([self.repeated(middle), wide], dim=1))
        return torch.sigmoid(self.head(wide))


class MotionNet(nn.Module):
    """Activities from an inertial sensor: [6, 128] -> 5 kinds; in one dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv1d(6, 16, 5, 1, 2), nn.BatchNorm1d(16), nn.ReLU(), nn.MaxPool1d(2)),
            *(nn.Conv1d(16, 32, 5, 1, 2), nn.BatchNorm1d(32), nn.ReLU(), nn.AvgPool1d(2)),
            *(nn.Conv1d(32, 48, 3, 1, 2, dilation=2), nn.BatchNorm1d(48), nn.LeakyReLU(0.1)),
            *(nn.AdaptiveAvgPool1d(1), nn.Flatten()),
        )
        self.head = nn.Linear(48, 5)

    def forward(self, motion: Tensor) -> Tensor:
        return torch.softmax(self.head(self.body(motion)), dim=1)


class _Bottleneck(nn.Module):
    """Widened, filtered depthwise, narrowed without an activation."""

    def __init__(self, before: int, wide: int, after: int, stride: int) -> None:
        super().__init__()
        depthwise = nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False)
        self.way = nn.Sequential(
            *_unit(nn.Conv2d(before, wide, 1, bias=False), wide, nn.PReLU(wide)),
            *_unit(depthwise, wide, nn.PReLU(wide)),
            *_unit(nn.Conv2d(wide, after, 1, bias=False), after, None),
        )
        self.is_residual = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        narrowed: Tensor = self.way(x)
        return x + narrowed if self.is_residual else narrowed


class FaceNet(nn.Module):
    """In the manner of MobileFaceNet: [3, 64, 64] -> an embedding of 64."""

    STEPS = ((32, 32, 2), (64, 32, 1), (64, 48, 2), (96, 48, 1), (96, 64, 2), (128, 64, 1))

    def __init__(self) -> None:
        super().__init__()
        depthwise = nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False)
        modules = [
            *_unit(nn.Conv2d(3, 16, 3, 2, 1, bias=False), 16, nn.PReLU(16)),
            *_unit(depthwise, 16, nn.PReLU(16)),
        ]
        before = 16
        for wide, after, stride in self.STEPS:
            modules.append(_Bottleneck(before, wide, after, stride))
            before = after
        whole = nn.Conv2d(128, 128, 4, groups=128, bias=False)
        self.body = nn.Sequential(
            *modules,
            *_unit(nn.Conv2d(before, 128, 1, bias=False), 128, nn.PReLU(128)),
            *_unit(whole, 128, None),
            *_unit(nn.Conv2d(128, 64, 1, bias=False), 64, None),
            nn.Flatten(),
        )

    def forward(self, face: Tensor) -> Tensor:
        embedding: Tensor = self.body(face)
        return embedding
