"""A job of some seconds, as a script: a coloured log, and a table that it leaves."""

import csv
import time
from pathlib import Path

rows = []
print("\033[1mepoch   loss   accuracy\033[0m")
for epoch in range(1, 6):
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    loss, accuracy = 2.3 / epoch**1.4, 1 - 0.9 / epoch**1.8
    rows.append((epoch, round(loss, 2), f"{accuracy:.1%}"))
    colour, bar = 32 if accuracy > 0.9 else 33, "▬" * round(20 * accuracy)
    print(f"{epoch:>5}   {loss:.2f}   \033[{colour}m{accuracy:>8.1%}  {bar}\033[0m", flush=True)
print("\033[32m✓\033[0m kept in build/epochs.csv")

Path("build").mkdir(exist_ok=True)
with Path("build/epochs.csv").open("w", newline="") as file:
    csv.writer(file).writerows([("epoch", "loss", "accuracy"), *rows])
