"""The configuration's shape, declared once: reading, the JSON Schema and docs/reference.md are made from it."""

from __future__ import annotations

from gpu_doc.config.kinds import Anything, amount, choice, duration, flag, path, single, size, text, whole, word
from gpu_doc.config.shapes import Key, ListOf, MapOf, OneOf, Section

MAX_POINTS = 1000
"""The most runs that one matrix may make."""

_NAME = text(
    "a run's name without spaces, quotes, angle brackets or any of / [ ] , \\ and without a leading #",
    r"(?!#)[^\s/\[\],\\\"'`<>\x00-\x1f]+",
)
_VARIABLE = text("the name of an environment variable", r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = text("a parameter's name: letters, digits and _", r"[^\W\d][\w.]*")
_ADDRESS = text("an address such as `baseline/accuracy`", r"[^\s/\[\]]+(?:\[.*\])?/.*\S.*")
_CLAIM = word("a claim such as `>= 0.92`")
_TOLERANCE = word("a tolerance such as `0.01` or `1 %`")
_MARKDOWN = path(".md", ".markdown", ".mdx", ".qmd")
_IMAGE = text("the name of an image", r"[^\s\x00-\x1f]+")
_PERSON = text(
    "a name and an address such as `Docs Bot <docs@example.org>`",
    r"[^<>\x00-\x1f]*[^<>\s][^<>\x00-\x1f]*<[^<>\s@]+@[^<>\s]+>",
)
_TRAILER = text(
    "a trailer such as `Signed-off-by: A Person <a@example.org>`",
    r"[A-Za-z][A-Za-z0-9-]*: [^\x00-\x1f]*\S[^\x00-\x1f]*",
)
_FOLDER = text("the absolute path of a folder", r"[/~][^\x00-\x1f]*")

LIMITS = Section(
    "limits",
    "`limits`",
    {
        "memory": Key(size(bounded=False), "Main memory of a container.", example="8g"),
        "cpus": Key(amount(), "Processor cores of a container.", example=4),
        "shm": Key(size(), "Shared memory (`/dev/shm`), which PyTorch's data loaders need.", default="1g"),
        "processes": Key(whole(1), "Processes and threads in a container.", default=8192),
        "time": Key(duration(bounded=False), "Wall-clock time of a run, a local one too.", example="6h"),
        "cell-time": Key(duration(bounded=False), "Time of one cell, in a local run too.", example="2h"),
        "output": Key(
            size(),
            "What a cell may print, in a local run too: a run five times as much; for pictures and other data, a cell "
            "ten times and a run twenty times as much. More is cut, with a warning; no report is written that needs "
            "what was cut. A command keeps as much, beginning and end.",
            default="10MB",
        ),
    },
)

DATA = Section(
    "data",
    "an item of `data`",
    {
        "path": Key(text("a path"), "The file or folder.", example="/srv/imagenet"),
        "version": Key(word("a version"), "Stands for the content, which is then not hashed.", example="2012"),
    },
    need=("path",),
)

GPU = Section(
    "gpu",
    "`requires.gpu`",
    {
        "count": Key(whole(1), "How many GPUs.", default=1),
        "memory": Key(size(), "Memory of each.", example="16g"),
        "model": Key(text(), "Part of its name; it is then part of the fingerprint too.", example="A100"),
    },
)

REQUIRES = Section(
    "requires", "`requires`", {"gpu": Key(GPU, "The GPUs without which a run ends with exit 5, never on the CPU.")}
)

RETRIES = Section(
    "retries",
    "`retries`",
    {
        "times": Key(whole(0, 10), "How often a failed run is tried again.", default=0),
        "on": Key(ListOf(choice("network")), "For which causes.", default=["network"]),
    },
)

_GPUS = OneOf(
    "`auto`, `none`, `all`, a count of at least 1, or a list of ids",
    choice("auto", "none", "all"),
    whole(1),
    ListOf(OneOf("the id of a GPU", whole(0), text()), "a list of ids with at least one", least=1),
)
_VALUES = ListOf(single(), "a list with at least one value", least=1)
_DATA = OneOf("a path, or a mapping with `path` and `version`", text("a path"), DATA)

SETTINGS = Section(
    "settings",
    "the settings of a run",
    {
        "image": Key(
            _IMAGE, "Container image that runs live in; omit it for a local run.", example="pytorch-cuda:v2.7"
        ),
        "pull": Key(choice("missing", "always", "never"), "When the image is fetched.", default="missing"),
        "bootstrap": Key(flag(), "Adds ipykernel to an image that lacks it.", default=False),
        "kernel": Key(text(), "Name of the kernel; omit it for the notebook's own.", example="ir"),
        "cwd": Key(choice("notebook", "root"), "The folder a notebook runs in.", default="notebook"),
        "gpus": Key(_GPUS, "GPUs of a container; `auto` is one, if the host has any.", default="auto"),
        "gpu-driver": Key(choice("auto", "nvidia", "cdi"), "How a container gets its GPUs.", default="auto"),
        "limits": Key(LIMITS, "Bounds of a run; merged key by key."),
        "network": Key(choice("none", "bridge"), "Network of a container.", default="none"),
        "user": Key(choice("runner", "image"), "The user that a container runs as.", default="runner"),
        "docker-host": Key(text(), "Docker engine; omit it for the local one.", example="ssh://gpu-box"),
        "env": Key(ListOf(_VARIABLE), "Variables handed into a run; a container gets no others.", default=[]),
        "secrets": Key(ListOf(_VARIABLE), "Variables handed into a run and redacted wherever they show.", default=[]),
        "data": Key(ListOf(_DATA), "Files and folders that are read, and part of the fingerprint.", default=[]),
        "caches": Key(
            MapOf(_VARIABLE, _FOLDER, "a mapping of variables to folders"),
            "Host folders that a container may write to, at the same path; not part of the fingerprint.",
            example={"HF_HOME": "/srv/hf"},
        ),
        "depends-on": Key(
            ListOf(path()), "Further files (globs) in the fingerprint; local imports are found.", default=[]
        ),
        "produces": Key(
            ListOf(path()),
            "Files (globs, or folders with all below) that a run writes and templates may use.",
            default=[],
        ),
        "requires": Key(REQUIRES, "What the machine must have; merged key by key."),
        "retries": Key(RETRIES, "When a failed run is tried again; merged key by key."),
        "detach": Key(flag(), "Lets a command outlive gpu-doc, to be picked up again later.", default=False),
        "tolerance": Key(
            MapOf(_ADDRESS, _TOLERANCE, "a mapping of addresses to tolerances"),
            "How much a value may differ from run to run: absolute, or in percent. `==`, `last` and sentences of "
            "`claims` leave it room.",
            example={"baseline/accuracy": 0.01},
        ),
        "inputs": Key(choice("observed", "declared"), "`declared`: a container sees nothing else.", default="observed"),
        "setup": Key(text(), "How the data was prepared, shown by `environment()`.", example="ImageNet at 64 px"),
    },
)

RUN = Section(
    "run",
    "a run",
    {
        "notebook": Key(
            path(".ipynb", ".py", ".md"),
            "Notebook to run; `.py` and `.md` are read by jupytext.",
            example="notebooks/finetune.ipynb",
        ),
        "command": Key(
            ListOf(word("a word"), "a list of words such as `[python, train.py]`", least=1),
            "Program to run instead, from the root, in a terminal of 100 columns.",
            example=["python", "train.py", "--epochs", "100"],
        ),
        "parameters": Key(
            MapOf(_PARAMETER, Anything(), "a mapping of parameters to values"),
            "Values given to the notebook.",
            example={"lr": 0.01, "epochs": 5},
        ),
        "matrix": Key(
            MapOf(_PARAMETER, _VALUES, "a mapping of parameters to lists of values"),
            "Lists of values; one run for each combination, addressed as `sweep[lr=0.1,seed=1]`.",
            example={"lr": [0.1, 0.01], "seed": [1, 2]},
        ),
    },
    base=SETTINGS,
)

_SHOWN = {
    "for": Key(
        choice("github", "mkdocs", "sphinx", "docsify", "plain"),
        "What shows it: decides how pictures for light and dark are written, and how wide pictures are. Omit it "
        "for the site whose sources it lies among (`docs_dir` of mkdocs.yml; conf.py of Sphinx; index.html of "
        "Docsify), else GitHub.",
        example="mkdocs",
    ),
    "fit": Key(
        choice("page", "content"),
        "`page`: pictures keep the page's width, transparent beside what they show, so that text has one size in "
        "all of them; `content`: they are as wide as what they show.",
        default="page",
    ),
}

DEFAULTS = Section("defaults", "`defaults`", _SHOWN, base=SETTINGS)

REPORT = Section(
    "report",
    "a report",
    {
        "path": Key(path(".md", ".markdown"), "The Markdown file that is written.", example="docs/report.md"),
        "template": Key(
            path(),
            "Jinja2 template it is made from; omit it to refresh the blocks marked inside the file.",
            example="templates/report.md.j2",
        ),
        "runs": Key(MapOf(_NAME, RUN, "a mapping of names to runs"), "Its runs by name."),
        "expect": Key(
            MapOf(
                _ADDRESS,
                OneOf("a claim such as `>= 0.92`, or a list of claims", _CLAIM, ListOf(_CLAIM)),
                "a mapping of addresses to claims",
            ),
            "Claims about values (docs/claims.md); when one no longer holds, the report is not written: exit code 1.",
            example={"baseline/accuracy": ">= 0.92"},
        ),
        "on-failure": Key(
            choice("keep", "mark"),
            "What becomes of the report when a claim no longer holds: `keep` leaves it as it was, `mark` writes it "
            "with a mark that says so. Exit code 1 either way.",
            default="keep",
        ),
        **_SHOWN,
    },
    base=SETTINGS,
    need=("path",),
)

_WIDTH = (
    "CSS pixels of the page that outputs are laid out on. Omit it for what leaves text readable: 880 on GitHub, 736 "
    "for MkDocs, 780 for Sphinx and Docsify."
)
CAPTURE = Section(
    "capture",
    "`capture`",
    {
        "width": Key(whole(100, 4000), _WIDTH, example=880),
        "scale": Key(whole(1, 4), "Device pixels per CSS pixel.", default=2),
        "theme": Key(choice("light", "dark", "both"), "Colours of the pictures.", default="light"),
        "allow-hosts": Key(
            ListOf(text("the name of a host")),
            "Hosts that outputs with scripts may load from, by HTTPS; no others are reached.",
            default=[],
        ),
    },
)

_MODES = choice("pull-request", "commit", "auto", "check", "none")
PUBLISH = Section(
    "publish",
    "`publish`",
    {
        "mode": Key(_MODES, "How the action, or `--publish config`, publishes.", default="pull-request"),
        "branch": Key(
            text(), "Branch of the pull request; `{base}` is the target's name.", default="gpu-doc/refresh-{base}"
        ),
        "title": Key(text(), "Title of the pull request and of the commit.", default="docs: refresh results"),
        "labels": Key(ListOf(text()), "Labels of the pull request.", default=[]),
        "reviewers": Key(ListOf(text()), "Whom it asks for a review.", default=[]),
        "draft": Key(flag(), "Opens it as a draft.", default=False),
        "author": Key(
            _PERSON,
            "Author and committer; omit it for the bot of GitHub Actions there, for git's own elsewhere.",
            example="Docs Bot <docs@example.org>",
        ),
        "message": Key(text(), "Text of the commit below its title.", example="Numbers of the nightly run."),
        "trailers": Key(
            ListOf(_TRAILER), "Lines at the commit's end.", example=["Signed-off-by: Docs Bot <docs@example.org>"]
        ),
        "sign": Key(flag(), "Signs commits with git's own settings; omit it to do as `commit.gpgsign` says."),
    },
)

CLAIM = Section(
    "claim",
    "a claim",
    {
        "text": Key(
            text(),
            "The sentence, or a part of it, as it is written; with several numbers, the one that is meant in brackets.",
            example="reaches [92 %] after 5 epochs",
        ),
        "value": Key(_ADDRESS, "The address of the value that the number is.", example="baseline/accuracy"),
        "tolerance": Key(
            _TOLERANCE,
            "How much the value may differ from the number: absolute, or in percent. Omit it for what the number's "
            "digits say: `92 %` is 0.915 to 0.925.",
            example=0.01,
        ),
        "mend": Key(flag(), "Corrects the number in the sentence when the value is another one.", default=False),
    },
    need=("text", "value"),
)

ROOT = Section(
    "configuration",
    "the configuration",
    {
        "defaults": Key(DEFAULTS, "What holds for all reports and runs that don't say otherwise."),
        "reports": Key(ListOf(REPORT, "a list of reports"), "The reports."),
        "claims": Key(
            MapOf(_MARKDOWN, ListOf(CLAIM, "a list of claims"), "a mapping of Markdown files to lists of claims"),
            "Numbers in sentences of people, by the file that they stand in (docs/claims.md).",
            example={"README.md": [{"text": "reaches [92 %] after 5 epochs", "value": "baseline/accuracy"}]},
        ),
        "capture": Key(CAPTURE, "How pictures are taken."),
        "publish": Key(PUBLISH, "How results leave the checkout."),
    },
    need=("reports",),
)
