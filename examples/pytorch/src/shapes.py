"""Noisy pictures of six shapes, drawn by formula: data without a download, the same on every machine.

The notebook and train.py import this file, so gpu-doc counts it among the things that their results depend on.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.utils.data import Dataset

KINDS = ("disc", "ring", "square", "triangle", "cross", "bars")
SIDE = 20
"""Pixels along each side of a picture."""
NOISE = 0.35
"""Standard deviation of the noise, where a shape is 1 and the ground 0."""


def outside(kind: str, across: Tensor, down: Tensor, radius: float) -> Tensor:
    """About how many pixels each point lies outside the shape's outline; inside it is negative."""
    far, wide, high = torch.hypot(across, down), across.abs(), down.abs()
    if kind == "disc":
        return far - radius
    if kind == "ring":
        return (far - 0.8 * radius).abs() - 0.25 * radius
    if kind == "square":
        return torch.maximum(wide, high) - 0.8 * radius
    if kind == "triangle":
        return torch.maximum(0.866 * wide + 0.5 * down, -down) - 0.6 * radius
    if kind == "cross":
        return torch.maximum(torch.minimum(wide, high) - 0.25 * radius, torch.maximum(wide, high) - radius)
    return torch.maximum((wide - 0.6 * radius).abs() - 0.25 * radius, high - radius)


def draw(kind: str, generator: torch.Generator) -> Tensor:
    """One picture, 1 x SIDE x SIDE, its shape anywhere, turned and sized by chance; mean 0, standard deviation 1."""
    turn, size, right, low = torch.rand(4, generator=generator).tolist()
    pixels = torch.arange(SIDE) - (SIDE - 1) / 2
    down, across = torch.meshgrid(pixels - (4 * low - 2), pixels - (4 * right - 2), indexing="ij")
    cosine, sine = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)
    turned = across * cosine + down * sine, down * cosine - across * sine
    ink = (0.5 - outside(kind, *turned, 4.5 + 2.5 * size)).clamp(0, 1)
    picture = ink + NOISE * torch.randn(SIDE, SIDE, generator=generator)
    return ((picture - picture.mean()) / picture.std()).unsqueeze(0)


class Shapes(Dataset):
    """Pictures with the number of their kind. Each depends on seed and index alone, so any worker may draw it."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        kind = index % len(KINDS)
        return draw(KINDS[kind], torch.Generator().manual_seed(1_000_003 * self.seed + index)), kind

    def all(self) -> tuple[Tensor, Tensor]:
        """Every picture and the numbers of their kinds, in memory."""
        pictures, kinds = zip(*(self[index] for index in range(self.count)), strict=True)
        return torch.stack(pictures), torch.tensor(kinds)
