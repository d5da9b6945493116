# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% tags=["parameters"]
rate = 0.1

# %% tags=["fit"]
xs = [number / 10 for number in range(20)]
ys = [3 * x + 1 for x in xs]
slope = offset = 0.0
for _ in range(60):
    errors = [slope * x + offset - y for x, y in zip(xs, ys)]
    slope -= rate * sum(error * x for error, x in zip(errors, xs)) / len(xs)
    offset -= rate * sum(errors) / len(xs)

# %% tags=["slope"]
slope

# %% tags=["loss"]
sum(error**2 for error in errors) / len(xs)

# %% tags=["log"]
print(f"rate  {rate}")
print(f"line  y = {slope:.2f} x + {offset:.2f}")
