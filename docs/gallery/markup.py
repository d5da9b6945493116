# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% tags=["formula"]
from IPython.display import HTML, JSON, SVG, Audio, GeoJSON, Latex, Markdown, Math

Math(r"p_i = \frac{e^{z_i / T}}{\sum_{j=1}^{n} e^{z_j / T}} \qquad \nabla_z L = p - y")

# %% tags=["markdown"]
Markdown("""
#### What was tried
1. **Adam** with a rate of $10^{-3}$, as in `configs/base.yml`
2. *SGD*, which took longer

| method | accuracy |
|---|---:|
| Adam | 97.6 % |
| SGD | 95.1 % |
""")

# %% tags=["page"]
tile = """<div style="padding: 8px 28px; border-radius: 8px; {}">
<b style="font-size: 24px">{}</b><br>{}</div>"""
tiles = (
    tile.format("border: 1px solid #8888", "97.6 %", "accuracy"),
    tile.format("background: #e6f4ea", "0.10", "loss"),
    tile.format("background: #174ea6; color: white", "41 s", "time"),
)
HTML(f'<div style="display: flex; gap: 12px; text-align: center">{"".join(tiles)}</div>')

# %% tags=["scrolls"]
lines = "".join(f"epoch {number}: loss {2.3 / number:.2f}<br>" for number in range(1, 8))
HTML(f'<div style="height: 40px; overflow: auto; background: #8882">{lines}</div>')

# %% tags=["aligned"]
Latex(r"""\begin{align}
m_t &= \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
\theta_t &= \theta_{t-1} - \eta\, \hat m_t / (\sqrt{\hat v_t} + \epsilon)
\end{align}""")

# %% tags=["symbolic"]
import sympy

x = sympy.symbols("x")
sympy.Integral(sympy.exp(-(x**2)), (x, -sympy.oo, sympy.oo))

# %% tags=["drawing"]
boxes = "".join(
    f'<rect x="{x}" y="4" width="110" height="40" rx="6" fill="#e8f0fe" stroke="#174ea6"/>'
    f'<text x="{x + 55}" y="29" fill="#174ea6" text-anchor="middle">{name}</text>'
    for x, name in ((1, "notebook"), (155, "picture"), (309, "report"))
)
SVG(f"""<svg xmlns="http://www.w3.org/2000/svg" width="420" height="48" font-size="14">
<g font-family="sans-serif">{boxes}</g>
<path d="M113 24h36m-8-5l8 5l-8 5 M267 24h36m-8-5l8 5l-8 5" fill="none" stroke="#888" />
</svg>""")

# %% tags=["tree"]
JSON({"amp": True, "model": "resnet18", "optimizer": {"betas": [0.9, 0.999], "name": "adam"}})

# %% tags=["place"]
GeoJSON({"type": "Point", "coordinates": [11.58, 48.14]})

# %% tags=["sound"]
from math import sin

Audio([sin(number / 3) for number in range(16000)], rate=8000)
