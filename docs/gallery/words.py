# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% tags=["colours"]
print("\x1b[1mstep   loss   \x1b[32mtrend\x1b[0m")
for step, loss, colour in ((1, 2.31, 31), (10, 0.84, 33), (100, 0.12, 32)):
    print(f"{step:>4}   \x1b[{colour}m{loss:.2f}\x1b[0m   {'█' * round(loss * 8)}")
print("""\
┌────────┬────────┐
│ 学習率 │ 損失   │
│ 0.01   │ 0.12 ✓ │
└────────┴────────┘""")

# %% tags=["bar"]
import sys
import time

for done in range(1, 51):
    sys.stdout.write(f"\repoch {done:>2}/50 [{'=' * done:<50}]")
    time.sleep(0.01)

# %% tags=["warning"]
import warnings

print("The best loss is 0.12.")
warnings.warn("the learning rate is larger than 1", stacklevel=1)

# %% tags=["failure", "raises-exception"]
def mean(losses):
    return sum(losses) / len(losses)


mean([])
