# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% tags=["progress"]
import time

from tqdm.notebook import tqdm

for epoch in tqdm(range(3), desc="training"):
    time.sleep(0.05)

# %% tags=["controls"]
import ipywidgets as widgets

rate = widgets.FloatLogSlider(value=0.01, min=-4, max=0, description="rate")
method = widgets.Dropdown(options=["adam", "sgd"], description="method")
name = widgets.Text("baseline", description="name")
augment = widgets.Checkbox(value=True, description="augment")
start = widgets.Button(description="Train", button_style="primary")
widgets.VBox([widgets.HBox([rate, method]), widgets.HBox([name, augment]), start])

# %% tags=["tabs"]
log = widgets.Output()
with log:
    print("epoch 3: loss 0.12")
pages = widgets.Tab([widgets.HTML("<b>97.6 %</b> right"), log], titles=["result", "log"])
pages
