# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% tags=["plotly"]
import plotly.graph_objects as go

names = ["V100", "A100", "H100", "H200"]
figure = go.Figure(go.Bar(x=names, y=[32, 80, 80, 141], text=[32, 80, 80, 141]))
figure.update_layout(title="Memory", yaxis_title="GB", width=560, height=260)
figure.update_layout(margin={"t": 50, "b": 30, "r": 20})
figure

# %% tags=["bokeh"]
from bokeh.io import output_notebook, show
from bokeh.plotting import figure

output_notebook(hide_banner=True)
plot = figure(title="Bandwidth", x_axis_label="GB", y_axis_label="TB/s", width=560, height=260)
plot.scatter([32, 80, 80, 141], [0.9, 2.04, 3.35, 4.8], size=14, fill_alpha=0.6)
show(plot)

# %% tags=["altair"]
import altair as alt

rows = [{"GPU": name, "memory": size} for name, size in zip(names, (32, 80, 80, 141))]
alt.Chart(alt.Data(values=rows), title="Memory", width=380).mark_bar().encode(
    alt.X("memory:Q", title="GB"), alt.Y("GPU:N", sort=None), alt.Color("GPU:N", legend=None)
)

# %% tags=["animation"]
from IPython.display import HTML
from matplotlib import pyplot as plt
from matplotlib.animation import FuncAnimation

wave, axes = plt.subplots(figsize=(5, 2), layout="constrained")
[line] = axes.plot([], [], lw=2)
axes.set(xlim=(0, 30), ylim=(-1.2, 1.2), title="A travelling wave")


def draw(shift):
    line.set_data(range(31), [((place + shift) % 10 - 5) / 5 for place in range(31)])


player = FuncAnimation(wave, draw, frames=5)
plt.close()
HTML(player.to_jshtml())
