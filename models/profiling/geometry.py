"""Where a convolution's outputs lie, numbered by the windows of the max pool that follows it.

'Same' padding of an even kernel is asymmetric, the odd position behind: left = (k − 1) // 2, as in Keras and
torch. Pooling drops what does not fill a window (day 364 of 365), but batch norm counts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class Geometry:
    """Where the outputs of an input position go, in windows of the max pool.

    Outputs of a user are numbered `window · P + place`, P positions a window. Windows that the pool keeps
    come first; those that an incomplete last row or column makes come after, up to `windows`.
    """

    image: tuple[int, int]
    kernel: tuple[int, int]
    pool: tuple[int, int]

    @property
    def taps(self) -> int:
        """Weights of the kernel."""
        return self.kernel[0] * self.kernel[1]

    @property
    def places(self) -> int:
        """Positions of a window."""
        return self.pool[0] * self.pool[1]

    @property
    def positions(self) -> int:
        """Positions of an image."""
        return self.image[0] * self.image[1]

    @property
    def pooled(self) -> tuple[int, int]:
        """The image after the pool."""
        return self.image[0] // self.pool[0], self.image[1] // self.pool[1]

    @property
    def whole_windows(self) -> int:
        """Windows that the pool keeps."""
        return self.pooled[0] * self.pooled[1]

    @property
    def windows(self) -> int:
        """All windows, incomplete ones included."""
        return -(-self.image[0] // self.pool[0]) * -(-self.image[1] // self.pool[1])

    def slots(self, device: torch.device) -> Tensor:
        """int64 [positions, taps]: output number that an input reaches through a tap, -1 outside."""
        return _slots(self, device)[0]

    def missing(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Outputs with taps outside the image, int64 [e], and which: float32 [e, taps], 1 outside."""
        return _slots(self, device)[1:]


@lru_cache(maxsize=32)
def _slots(geometry: Geometry, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    (rows, columns), kernel, pool = geometry.image, geometry.kernel, geometry.pool
    whole_rows, whole_columns = geometry.pooled
    row, column = torch.arange(rows)[:, None], torch.arange(columns)[None, :]
    window_row, window_column = row // pool[0], column // pool[1]
    whole = (window_row < whole_rows) & (window_column < whole_columns)
    across = -(-columns // pool[1])
    everywhere = torch.arange(-(-rows // pool[0]) * across)
    is_whole = (everywhere // across < whole_rows) & (everywhere % across < whole_columns)
    rank = torch.where(is_whole, is_whole.cumsum(0) - 1, geometry.whole_windows + (~is_whole).cumsum(0) - 1)
    window = rank[window_row * across + window_column]
    assert bool((window < geometry.whole_windows).eq(whole).all())
    number = window * geometry.places + row % pool[0] * pool[1] + column % pool[1]

    left = ((kernel[0] - 1) // 2, (kernel[1] - 1) // 2)
    slots = torch.full((geometry.positions, geometry.taps), -1)
    missing = torch.zeros(geometry.windows * geometry.places, geometry.taps)
    for tap in range(geometry.taps):  # once a geometry
        down, right = left[0] - tap // kernel[1], left[1] - tap % kernel[1]
        target_row, target_column = (row + down).expand(rows, columns), (column + right).expand(rows, columns)
        inside = (target_row >= 0) & (target_row < rows) & (target_column >= 0) & (target_column < columns)
        slots.view(rows, columns, -1)[..., tap][inside] = number[target_row[inside], target_column[inside]]
        # the input that an output reads through this tap lies at (row − down, column − right)
        source_row, source_column = (row - down).expand(rows, columns), (column - right).expand(rows, columns)
        outside = (source_row < 0) | (source_row >= rows) | (source_column < 0) | (source_column >= columns)
        missing[number[outside], tap] = 1.0
    edge = missing.any(1).nonzero().squeeze(1)
    return slots.to(device), edge.to(device), missing[edge].to(device)
