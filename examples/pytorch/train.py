"""Trains the network at full length: processes that average their gradients, each fed by data loader workers.

Prints a coloured log, and leaves figures and a curve in build/. It needs no network beyond the machine's own
loopback, and prints nothing that depends on how fast it ran: a second run gives the same terminal.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import torch
from torch import distributed, multiprocessing
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, DistributedSampler

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "src"))
from shapenet import build, device, judge, same_every_time, size  # noqa: E402
from shapes import Shapes  # noqa: E402

BATCH = 32
HIGHEST_RATE = 0.05
BAR = 28
BOLD, GREY, RED, YELLOW, GREEN = 1, 90, 31, 33, 32


@dataclass(frozen=True)
class Epoch:
    """What one pass over the pictures came to; a row of build/metrics.csv."""

    epoch: int
    learning_rate: float
    training_loss: float
    test_loss: float
    accuracy: float


# --- in every process ------------------------------------------------------------------------------------------------


def work(rank: int, asked: argparse.Namespace, meeting: str) -> None:
    """One process's part in the training. The first one keeps the log."""
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=asked.processes)
    same_every_time(seed=0)
    net = DistributedDataParallel(build().to(device(rank)))
    if rank == 0:
        print_heading(asked, size(net))
    history = []
    for epoch in train(net, asked, device(rank)):
        history.append(epoch)
        if rank == 0:
            print_epoch(epoch, asked.epochs)
    alike = same_everywhere(net)
    if rank == 0:
        write(history)
        print_end(alike)
    distributed.destroy_process_group()


def train(net: DistributedDataParallel, asked: argparse.Namespace, place: torch.device) -> Iterator[Epoch]:
    """Train on this process's share of the pictures; DistributedDataParallel averages the gradients of all."""
    pictures = Shapes(asked.pictures, seed=1)
    unknown = [part.to(place) for part in Shapes(600, seed=2).all()]
    sampler = DistributedSampler(pictures, seed=0)
    # More workers than cores cost time, and PyTorch warns of it. Here they show that there is shared memory for them.
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    loader = DataLoader(
        pictures,
        BATCH,
        sampler=sampler,
        num_workers=asked.workers,
        persistent_workers=True,
        multiprocessing_context="fork",  # where each would import PyTorch anew otherwise, as `spawn` did for us
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=HIGHEST_RATE, momentum=0.9)
    schedule = OneCycleLR(
        optimizer, HIGHEST_RATE, epochs=asked.epochs, steps_per_epoch=len(loader), cycle_momentum=False
    )
    for number in range(1, asked.epochs + 1):
        sampler.set_epoch(number)
        rate, total = schedule.get_last_lr()[0], 0.0
        for batch, kinds in loader:
            loss = cross_entropy(net(batch.to(place)), kinds.to(place))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        yield Epoch(number, rate, mean_of_all(total / len(loader)), *judge(net.module, *unknown))


def mean_of_all(number: float) -> float:
    """The mean over the processes."""
    total = torch.tensor(number, dtype=torch.float64)
    distributed.all_reduce(total)
    return total.item() / distributed.get_world_size()


def same_everywhere(net: DistributedDataParallel) -> bool:
    """Whether every process ended with the very numbers that the first one has."""
    own = torch.cat([parameter.detach().cpu().flatten() for parameter in net.parameters()])
    first = own.clone()
    distributed.broadcast(first, src=0)
    return mean_of_all(float(torch.equal(own, first))) == 1


# --- what people see -------------------------------------------------------------------------------------------------


def colour(text: str, *codes: int) -> str:
    """`text` in an ANSI style, where somebody looks at it."""
    return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m" if sys.stdout.isatty() else text


def print_heading(asked: argparse.Namespace, parameters: int) -> None:
    """What is about to run, and on what."""
    print(colour(f"Training {parameters:,} parameters on the {'GPU' if torch.cuda.is_available() else 'CPU'}", BOLD))
    workers = f"each with {asked.workers} data loader workers"
    print(colour(f"{asked.processes} processes, gloo over the loopback interface, {workers}", GREY))
    print(flush=True)


def print_epoch(epoch: Epoch, last: int) -> None:
    """One line of the log; its bar is the accuracy on test pictures."""
    shade = GREEN if epoch.accuracy >= 0.9 else YELLOW if epoch.accuracy >= 0.6 else RED
    filled = round(BAR * epoch.accuracy)
    bar = colour("━" * filled, shade) + colour("━" * (BAR - filled), GREY)
    losses = f"loss {epoch.training_loss:.3f}   test {epoch.test_loss:.3f}"
    rate = colour(f"rate {epoch.learning_rate:.4f}", GREY)
    accuracy = colour(f"{epoch.accuracy:6.1%}", BOLD, shade)
    print(f"  epoch {epoch.epoch:2}/{last}   {losses}   {bar} {accuracy}   {rate}", flush=True)


def print_end(alike: bool) -> None:
    """Whether averaging worked, and where the results are."""
    if alike:
        print(f"\n{colour('✓', GREEN)} every process ends with the same parameters")
    else:
        print(f"\n{colour('✗', RED)} the processes end with different parameters")
    print(f"{colour('✓', GREEN)} wrote build/metrics.csv and build/loss.png", flush=True)


def write(history: list[Epoch]) -> None:
    """Leave the figures, and the curve that they make."""
    from figures import plt, training_curve  # a second that the other processes need not spend

    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    with (folder / "metrics.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([field.name.replace("_", " ") for field in fields(Epoch)])
        rows.writerows([epoch.epoch, *(f"{number:.4f}" for number in astuple(epoch)[1:])] for epoch in history)
    (folder / "accuracy.txt").write_text(f"{history[-1].accuracy}\n", "utf-8")
    curves = [[getattr(epoch, name) for epoch in history] for name in ("training_loss", "test_loss", "learning_rate")]
    training_curve(*curves).savefig(folder / "loss.png", dpi=160, bbox_inches="tight", pad_inches=0.15)
    plt.close("all")


def main() -> None:
    """Start the processes, and wait for them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--pictures", type=int, default=3600, help="drawn for training")
    parser.add_argument("--processes", type=int, default=2, help="that share them")
    parser.add_argument("--workers", type=int, default=8, help="that draw them, for each process; at least 1")
    asked = parser.parse_args()
    # gloo asks for the address of the machine's name, which a container without a network doesn't have.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(work, (asked, f"{folder}/meeting"), nprocs=asked.processes)


if __name__ == "__main__":
    main()
