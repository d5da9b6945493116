# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %%
# %config InlineBackend.figure_formats = ["retina"]

# %% tags=["lines"]
import numpy as np
from matplotlib import pyplot as plt

step = np.arange(200)
figure, axes = plt.subplots(figsize=(6, 2.8))
for rate in (0.5, 0.1, 0.02):
    axes.plot(step, 0.1 + 2.2 * np.exp(-rate * step / 4), label=f"learning rate {rate}")
axes.set(title="Loss", xlabel="step", ylabel="cross entropy")
axes.legend(frameon=False)
plt.show()

# %% tags=["heat"]
grid = np.linspace(-3, 3, 60)
x, y = np.meshgrid(grid, grid)
figure, axes = plt.subplots(figsize=(4, 3))
mesh = axes.pcolormesh(grid, grid, np.sin(x * y) * np.exp(-(x**2 + y**2) / 8), cmap="viridis")
figure.colorbar(mesh, label="height")
axes.set(title="A surface", xlabel="x", ylabel="y")
plt.show()

# %% tags=["dark"]
with plt.style.context("dark_background"):
    figure, axes = plt.subplots(figsize=(5, 1.8), facecolor="none")
    axes.bar(["V100", "A100", "H100", "H200"], [0.9, 2.0, 3.35, 4.8], color="#8ab4f8")
    axes.set(title="Memory bandwidth", ylabel="TB/s", facecolor="none")
    plt.show()

# %% tags=["vector"]
# %config InlineBackend.figure_formats = ["svg"]
intensity = np.logspace(-1, 2, 100)
figure, axes = plt.subplots(figsize=(6, 2.4))
for name, bandwidth, peak in (("A100", 2.04, 19.5), ("H100", 3.35, 67)):
    axes.loglog(intensity, np.minimum(bandwidth * intensity, peak), label=name)
axes.set(title="Rooflines, FP32", xlabel="operations per byte", ylabel="TFLOP/s")
axes.legend()
plt.show()
