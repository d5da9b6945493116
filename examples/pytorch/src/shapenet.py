"""A small convolutional network that tells six shapes apart, and what notebook and train.py need around it."""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from shapes import KINDS

SPREAD = 0.22
"""Standard deviation that the first layer's values are meant to start with, for pixels that vary independently."""


def same_every_time(seed: int) -> None:
    """Fixed seeds, one thread, no algorithm that adds in any order: the same machine gives the same numbers again."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS needs for it
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def device(number: int = 0) -> torch.device:
    """The GPU of this number, counted round and round; the CPU where there is none."""
    count = torch.cuda.device_count()
    return torch.device("cuda", number % count) if count else torch.device("cpu")


def build() -> nn.Sequential:
    """20 x 20 pixels in, a score for each of the six kinds out."""
    first = nn.Conv2d(1, 12, kernel_size=7)
    nn.init.normal_(first.weight, std=SPREAD / first.weight[0].numel() ** 0.5)
    nn.init.zeros_(first.bias)
    return nn.Sequential(
        first,
        nn.Tanh(),
        nn.Conv2d(12, 16, kernel_size=4, stride=2),
        nn.Tanh(),
        nn.Conv2d(16, 24, kernel_size=3),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(24 * 4 * 4, len(KINDS)),
    )


def size(net: nn.Module) -> int:
    """How many numbers training may move."""
    return sum(parameter.numel() for parameter in net.parameters())


@torch.no_grad()
def judge(net: nn.Module, pictures: Tensor, kinds: Tensor) -> tuple[float, float]:
    """The loss on these pictures, and the share of them that is named right."""
    scores = net(pictures)
    return cross_entropy(scores, kinds).item(), (scores.argmax(dim=1) == kinds).float().mean().item()
