"""Holds the network against four simple methods, each judged on pictures that it has not seen (5-fold cross-validation).

Prints a coloured log with a progress bar, and leaves the figures in build/methods.csv.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
from digitnet import DigitNet, Split, train  # noqa: E402

FOLDS = 5
BAR = 32
BOLD, GREY, RED, YELLOW, GREEN, BLUE = 1, 90, 31, 33, 32, 34

Method = Callable[[Split], np.ndarray]


def colour(text: str, *codes: int) -> str:
    """`text` in an ANSI style, where somebody looks at it."""
    return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m" if sys.stdout.isatty() else text


def estimator(model) -> Method:
    """Train a model of scikit-learn and read the test pictures with it."""
    return lambda split: model.fit(split.train_images, split.train_digits).predict(split.test_images)


def network(split: Split) -> np.ndarray:
    """The network of the notebook, with its settings."""
    net = DigitNet(hidden=32, seed=0)
    train(net, split, learning_rate=0.05, epochs=20)
    return net.predict(split.test_images).argmax(axis=1)


METHODS: dict[str, Method] = {
    "naive Bayes": estimator(GaussianNB()),
    "decision tree": estimator(DecisionTreeClassifier(random_state=0)),
    "logistic regression": estimator(LogisticRegression(max_iter=1000)),
    "3 nearest neighbours": estimator(KNeighborsClassifier(3)),
    "the network": network,
}


def folds() -> Iterator[Split]:
    """Each picture is a test picture in one of the folds."""
    data = load_digits()
    images, digits = data.data / 16, data.target
    for known, unknown in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(images, digits):
        yield Split(images[known], images[unknown], digits[known], digits[unknown])


def progress(name: str, done: int) -> None:
    """Redraw the line that says how far a method is."""
    filled = BAR * done // FOLDS
    bar = colour("━" * filled, BLUE) + colour("━" * (BAR - filled), GREY)
    print(f"\r  {name:<22}{bar}  fold {done}/{FOLDS}", end="", flush=True)


def judge(name: str, method: Method) -> list[float]:
    """The accuracy on each fold; the progress bar gives way to the result."""
    accuracies: list[float] = []
    for split in folds():
        progress(name, len(accuracies))
        accuracies.append(float((method(split) == split.test_digits).mean()))
    mean = float(np.mean(accuracies))
    shade = GREEN if mean >= 0.97 else YELLOW if mean >= 0.93 else RED
    bar = colour("━" * round(BAR * mean), shade) + colour("━" * (BAR - round(BAR * mean)), GREY)
    spread = colour(f"folds {min(accuracies):.1%} to {max(accuracies):.1%}", GREY)
    print(f"\r  {name:<22}{bar}  {colour(f'{mean:.1%}', BOLD, shade)}  {spread}")
    return accuracies


def main() -> None:
    print(colour(f"Accuracy on unseen digits, mean of {FOLDS} folds", BOLD))
    print()
    results = {name: judge(name, method) for name, method in METHODS.items()}
    best = max(results, key=lambda name: np.mean(results[name]))
    print()
    print(f"  {colour('✓', GREEN)} {len(results) * FOLDS} models trained; the most accurate: {colour(best, BOLD)}")

    table = ROOT / "build" / "methods.csv"
    table.parent.mkdir(exist_ok=True)
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["method", "mean accuracy", "worst fold", "best fold"])
        for name, accuracies in results.items():
            rows.writerow([name, *(f"{x:.3f}" for x in (np.mean(accuracies), min(accuracies), max(accuracies)))])


if __name__ == "__main__":
    main()
