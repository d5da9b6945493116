"""A small neural network in plain NumPy, and the data it learns from.

The notebook imports this file, so gpu-doc counts it among the things that a result depends on: change a line here and
`gpu-doc plan` says which runs have to be done again, and why.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

# Sums over several threads are added up in any order, and their last digits differ from run to run.
threadpool_limits(limits=1)


@dataclass(frozen=True)
class Split:
    """Pictures of handwritten digits as rows of 64 grey values between 0 and 1, and which digit each one is."""

    train_images: np.ndarray
    test_images: np.ndarray
    train_digits: np.ndarray
    test_digits: np.ndarray


def load_split() -> Split:
    """Every fourth picture, equally many of each digit, is kept for testing; the split is always the same."""
    data = load_digits()
    return Split(*train_test_split(data.data / 16, data.target, test_size=0.25, stratify=data.target, random_state=0))


def cross_entropy(probabilities: np.ndarray, digits: np.ndarray) -> float:
    """The mean of -log(the probability given to the right digit)."""
    right = probabilities[np.arange(len(digits)), digits]
    return float(-np.log(np.clip(right, 1e-12, None)).mean())


class DigitNet:
    """64 inputs, one hidden layer of rectified units, softmax over ten digits."""

    def __init__(self, hidden: int = 32, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        # He initialisation keeps the spread of the values alike from layer to layer.
        self.weights = [rng.normal(0, np.sqrt(2 / rows), (rows, columns)) for rows, columns in ((64, hidden), (hidden, 10))]
        self.biases = [np.zeros(hidden), np.zeros(10)]
        self.rng = rng

    def __str__(self) -> str:
        rows = [f"{'layer':<10}{'shape':<10}{'parameters':>10}"]
        for name, weight, bias in zip(("hidden", "output"), self.weights, self.biases, strict=True):
            rows.append(f"{name:<10}{f'{weight.shape[0]} x {weight.shape[1]}':<10}{weight.size + bias.size:>10,}")
        rows.append(f"{'in all':<20}{self.size:>10,}")
        return "\n".join(rows)

    @property
    def size(self) -> int:
        """How many numbers training may move."""
        return sum(array.size for array in [*self.weights, *self.biases])

    def first_layer(self, images: np.ndarray) -> np.ndarray:
        """What the hidden layer computes, before negative values are cut off."""
        return images @ self.weights[0] + self.biases[0]

    def predict(self, images: np.ndarray) -> np.ndarray:
        """A row of ten probabilities for each picture."""
        scores = np.maximum(self.first_layer(images), 0) @ self.weights[1] + self.biases[1]
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)

    def gradients(self, images: np.ndarray, digits: np.ndarray) -> list[np.ndarray]:
        """The slope of the loss along the weights and the biases, by the chain rule."""
        hidden = np.maximum(self.first_layer(images), 0)
        error = self.predict(images)
        error[np.arange(len(digits)), digits] -= 1
        error /= len(digits)
        back = (error @ self.weights[1].T) * (hidden > 0)
        return [images.T @ back, hidden.T @ error, back.sum(axis=0), error.sum(axis=0)]


@dataclass
class History:
    """The loss before training and after each epoch."""

    train: list[float] = field(default_factory=list)
    test: list[float] = field(default_factory=list)

    def add(self, net: DigitNet, split: Split) -> None:
        """Take the loss on both parts of the data."""
        self.train.append(cross_entropy(net.predict(split.train_images), split.train_digits))
        self.test.append(cross_entropy(net.predict(split.test_images), split.test_digits))


def train(net: DigitNet, split: Split, *, learning_rate: float, epochs: int, batch: int = 32) -> History:
    """Stochastic gradient descent with momentum; moves the parameters of `net`."""
    history = History()
    history.add(net, split)
    velocity = [np.zeros_like(array) for array in [*net.weights, *net.biases]]
    for _ in range(epochs):
        order = net.rng.permutation(len(split.train_images))
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            slopes = net.gradients(split.train_images[rows], split.train_digits[rows])
            for array, speed, slope in zip([*net.weights, *net.biases], velocity, slopes, strict=True):
                speed *= 0.9
                speed -= learning_rate * slope
                array += speed
        history.add(net, split)
    return history
