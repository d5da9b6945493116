"""How the report's figures look. Their few words are English, so that reports in any language can share them."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0b6bcb", "#d9730d", "#5f6b7a"

plt.rcParams.update(
    {
        "figure.constrained_layout.use": True,
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.edgecolor": GREY,
        "xtick.color": GREY,
        "ytick.color": GREY,
    }
)


def training_curve(training: Sequence[float], test: Sequence[float], rates: Sequence[float]) -> Figure:
    """The loss after each epoch, and below it the learning rate of each."""
    epochs = range(1, len(training) + 1)
    figure, (loss, rate) = plt.subplots(2, sharex=True, figsize=(7.6, 4.2), height_ratios=[3, 1])
    loss.plot(epochs, training, color=BLUE, linewidth=2, label="training")
    loss.plot(epochs, test, color=ORANGE, linewidth=2, linestyle="--", label="test")
    loss.set(title="Loss", ylabel="cross-entropy", ylim=(0, 1.1 * max(*training, *test)))
    loss.grid(axis="y", alpha=0.25)
    loss.legend(frameon=False, loc="upper right")
    rate.step(epochs, rates, color=GREY, where="mid", linewidth=2)
    rate.set(title="Learning rate", xlabel="epoch", xlim=(1, len(training)), ylim=(0, 1.15 * max(rates)))
    return figure


def mark_jump(figure: Figure, epoch: int, before: float, after: float) -> None:
    """An arrow and a band at the epoch in which the loss jumped."""
    loss, rate = figure.axes
    for axes in (loss, rate):
        axes.axvspan(epoch - 0.5, epoch + 0.5, color=ORANGE, alpha=0.15, linewidth=0)
    loss.annotate(
        f"epoch {epoch}: {before:.2f} → {after:.2f}",
        (epoch, after),
        (-26, -14),
        textcoords="offset points",
        ha="right",
        color=ORANGE,
        fontweight="bold",
        arrowprops={"arrowstyle": "->", "color": ORANGE, "linewidth": 1.5},
    )
