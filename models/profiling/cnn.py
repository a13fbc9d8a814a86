"""The CNN of one image modality (Table 2), from sparse cells; and the same layers on dense images.

| level | conv | pool | image after |
|---|---|---|---|
| 1 | (7, 2) | (7, 2) | 52 × 12 |
| 2 | (4, 2) | (4, 2) | 13 × 6 |
| 3 | (3, 2) | (3, 2) | 4 × 3 |
| 4 | (1, 1) | (4, 3) | 1 × 1 |

Each level is convolution ('same', stride 1) → batch norm → ReLU → max pool.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.profiling.data import DAYS, HOURS
from models.profiling.geometry import Geometry
from models.profiling.sparse_conv import first_level, second_level

KERNELS = ((7, 2), (4, 2), (3, 2), (1, 1))
POOLS = ((7, 2), (4, 2), (3, 2), (4, 3))
_FIRST = Geometry((DAYS, HOURS), KERNELS[0], POOLS[0])
_SECOND = Geometry(_FIRST.pooled, KERNELS[1], POOLS[1])


@dataclass(frozen=True)
class CellBatch:
    """Sparse images of B users. Cells that are equal in user, position and channel add up."""

    user: Tensor  #: int64 [n], 0..B-1
    position: Tensor  #: int64 [n], day · 24 + hour
    channel: Tensor  #: int64 [n]
    value: Tensor  #: float [n]
    users: int  #: B

    def dense(self, channels: int) -> Tensor:
        """[B, C, 365, 24]."""
        image = self.value.new_zeros(self.users * channels * DAYS * HOURS)
        at = (self.user * channels + self.channel) * (DAYS * HOURS) + self.position
        return image.index_add_(0, at, self.value).view(self.users, channels, DAYS, HOURS)


class ImageCNN(nn.Module):
    """Images of C channels → features [B, widths[-1]].

    `forward` takes cells and costs in proportion to them; `forward_dense` takes images through torch's own
    layers. Both have the same parameters and give the same up to rounding, gradients and running moments too.
    """

    def __init__(self, channels: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.channels = channels
        sizes = itertools.pairwise((channels, *widths))
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, kernel) for (a, b), kernel in zip(sizes, KERNELS, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)

    def forward(self, cells: CellBatch) -> Tensor:
        """Features [B, widths[-1]] of B ≥ 1 users, with or without cells."""
        first, second = self._level(0), self._level(1)
        arrays = (cells.user, cells.position, cells.channel, cells.value)
        active = first_level(*first, _FIRST, arrays, cells.users)
        return self._rest(second_level(*second, _SECOND, active), 2)

    def forward_dense(self, images: Tensor) -> Tensor:
        """Features [B, widths[-1]] of images [B, C, 365, 24]."""
        return self._rest(images, 0)

    def _rest(self, x: Tensor, level: int) -> Tensor:
        for i in range(level, len(KERNELS)):
            conv, norm = self._level(i)
            x = F.conv2d(_same(x, KERNELS[i]), conv.weight, conv.bias)
            x = F.max_pool2d(torch.relu(norm(x)), POOLS[i])
        return x.flatten(1)

    def _level(self, i: int) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
        conv, norm = self.convs[i], self.norms[i]
        assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        return conv, norm


def _same(x: Tensor, kernel: tuple[int, int]) -> Tensor:
    """Padded so that the convolution keeps the image's size; the odd position comes behind."""
    down, right = kernel[0] - 1, kernel[1] - 1
    if down == right == 0:
        return x
    return F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
