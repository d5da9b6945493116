# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% tags=["frame"]
import pandas as pd

gpus = pd.DataFrame(
    {
        "year": [2017, 2020, 2022, 2024],
        "memory, GB": [32, 80, 80, 141],
        "bandwidth, TB/s": [0.9, 2.04, 3.35, 4.8],
    },
    index=pd.Index(["V100", "A100", "H100", "H200"], name="GPU"),
)
gpus

# %% tags=["styled"]
(
    gpus.style.set_caption("Bandwidth has grown faster than memory")
    .format(precision=2)
    .bar(subset=["memory, GB"], color="#8ab4f8", vmin=0)
    .background_gradient(subset=["bandwidth, TB/s"], cmap="Greens")
)

# %% tags=["great"]
from great_tables import GT

(
    GT(gpus.reset_index())
    .tab_header("Four generations", subtitle="SXM modules, as NVIDIA gives them")
    .tab_spanner("high-bandwidth memory", ["memory, GB", "bandwidth, TB/s"])
    .tab_source_note("The largest memory of each.")
)

# %% tags=["interactive"]
from itables import show

show(gpus)
