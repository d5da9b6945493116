# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

# %% [markdown]
# The first part of the quickstart's report, as GitHub would show it: Markdown to HTML, pictures inside.

# %%
import base64
import re
from pathlib import Path

from IPython.display import HTML
from markdown_it import MarkdownIt

report = Path("../../examples/quickstart/docs/report.md")
lines = report.read_text("utf-8").splitlines()
first_part = "\n".join(lines[: lines.index("## Before training")])


def inside(match):
    picture = base64.b64encode((report.parent / match[1]).read_bytes()).decode()
    return f'src="data:image/png;base64,{picture}"'


body = MarkdownIt("commonmark", {"html": True}).enable("table").render(first_part)
body = re.sub(r'src="([^"]+)"', inside, body)

# %% tags=["report"]
HTML(f"""
<style>
.page {{ font: 16px/1.5 "DejaVu Sans", sans-serif; color: #1f2328; width: 760px; padding: 4px 36px 8px;
         border: 1px solid #d1d9e0; border-radius: 8px; }}
.page p {{ font-size: 16px; color: #1f2328; margin: 14px 0; }}
.page h1 {{ font-size: 30px; line-height: 1.25; padding-bottom: 9px; border-bottom: 1px solid #d1d9e0; }}
.page h2 {{ font-size: 22px; padding-bottom: 7px; border-bottom: 1px solid #d1d9e0; }}
.page img {{ max-width: 100%; }}
.page table {{ border-collapse: collapse; width: 100%; margin: 0; font-size: 15px; }}
.page th, .page td {{ border: 1px solid #d1d9e0; padding: 6px 13px; text-align: left; }}
.page code {{ font: 85% "DejaVu Sans Mono", monospace; background: #eff1f3; padding: 2px 5px; border-radius: 5px; }}
</style>
<div class="page">{body}</div>
""")
