"""Defines the command line: commands, options, their help, and suggestions for mistyped ones."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from gpu_doc import __version__
from gpu_doc.config.options import EXECUTORS, PUBLISH_MODES, PULLS, gpus, image, positive

DESCRIPTION = """\
Makes technical documents live and checkable: runs the notebooks and scripts behind a Markdown report, photographs
chosen output cells, writes numbers and pictures into the report, and keeps evidence of where each came from.
"""

EPILOG = """\
examples:
  gpu-doc init                      write a working gpu-doc.yml with an example, then: gpu-doc run
  gpu-doc plan                      what would run, and why; changes nothing
  gpu-doc run                       refresh every report that is not fresh
  gpu-doc run docs/finetune.md      refresh one report
  gpu-doc check                     exit 1 if a report is stale, was edited, or claims what is not so (for CI)
  gpu-doc verify                    reports, pictures, evidence and source against each other: intact, or what is not
  gpu-doc why docs/finetune.md:12   which cell, parameters, commit, image and GPU a line comes from
  gpu-doc preview --out page        changed reports as one web page, pictures before and after
  gpu-doc lab notebooks/train.ipynb JupyterLab in the image that the notebook runs in
  gpu-doc doctor                    what this machine has and lacks, with a remedy for each
  gpu-doc clean                     remove what a killed gpu-doc left

exit codes:
  0 done   1 a finding (stale, edited, not intact, a broken claim)   2 configuration or usage   3 some run failed
  4 writing failed   5 the machine lacks something   70 a defect of gpu-doc   130 interrupted

The configuration is gpu-doc.yml or .github/gpu-doc.yml, looked for here and upwards to the repository's root.
Without git it is looked for here only.
"""

INIT_EPILOG = """\
examples:
  gpu-doc init            a configuration, a notebook and a template that work; then: gpu-doc run

What is there stays as it is. Beneath a project that commands here would serve, nothing is written.
"""

RUN_EPILOG = """\
examples:
  gpu-doc run                             every report that is not fresh
  gpu-doc run docs/finetune.md --force    one report, its runs executed again even if fresh
  gpu-doc run --jobs 1                    one run at a time, for runs that need all of the machine
  gpu-doc run --publish check             refresh, and exit 1 if a report changed
  gpu-doc run --publish commit            refresh, and push a commit with our files only to this branch
  gpu-doc run --publish pull-request      refresh, and keep one pull request up to date (needs GH_TOKEN)

What fails leaves its own report as it was; the other reports are refreshed.
"""

PLAN_EPILOG = """\
examples:
  gpu-doc plan            a table: fresh, or stale and why
  gpu-doc plan --json     the same for programs; standard output is only the JSON
  gpu-doc plan --explain baseline   the inputs of a run, why each is one, and what is not established

Exit code 0 even when something is stale; `gpu-doc check` is the one that fails.
"""

CHECK_EPILOG = """\
examples:
  gpu-doc check                     every report; exit code 1 names what is stale, edited by hand, or claimed wrongly
  gpu-doc check docs/finetune.md    one report

For CI and pre-commit. `gpu-doc plan` says the same and why, with exit code 0.
"""

VERIFY_EPILOG = """\
examples:
  gpu-doc verify                     every report, with its pictures, evidence, template and source
  gpu-doc verify docs/finetune.md    one report
  gpu-doc verify --json              the same for programs; standard output is only the JSON

It runs nothing, and needs neither Docker nor a GPU, a browser or state: a fresh clone is enough. Each thing that does
not agree with the rest is told with its file and line, and its place in evidence; then the exit code is 1.
Intact proves that the files agree with each other, not who made them. docs/verify.md says what is compared.
"""

WHY_EPILOG = """\
examples:
  gpu-doc why docs/finetune.md       every number, picture and table of a report: its line, and where it comes from
  gpu-doc why docs/finetune.md:12    what stands on line 12: cell, code, parameters, inputs, commit, image, GPU, when
  gpu-doc why docs/finetune.md:12 --json

It runs nothing: it reads evidence, and renders the template to see which call gave which line. What is not established
is told too. Whether evidence agrees with everything else, `gpu-doc verify` says.
"""

DOCTOR_EPILOG = """\
examples:
  gpu-doc doctor          Chromium, kernels, git, GPUs, disk space; exit code 5 if something needed is missing

In a project its own needs are looked at too.
"""

PREVIEW_EPILOG = """\
examples:
  gpu-doc preview --out page                 what differs from the commit that is checked out: page/index.html
  gpu-doc preview --base main --out page     what differs from a branch, a tag or any other commit

It runs nothing: it compares the reports and pictures as they lie in the checkout. The page holds everything, pictures
too, and can be mailed or uploaded as it is. The folder has to be new or empty, or hold an earlier preview.
"""

LAB_EPILOG = """\
examples:
  gpu-doc lab                             in the image of the first run that has one
  gpu-doc lab notebooks/finetune.ipynb    in the image of the run that uses this notebook, which is opened
  gpu-doc lab --port 8888                 for a tunnel: ssh -L 8888:127.0.0.1:8888 this-machine

Image, mounts, limits, network and GPUs are the run's. The one difference: what is written there is written to the
checkout, as you. It listens on 127.0.0.1 only and asks for the token in the address that it prints; the container's own
network stays as it is. Folders .git are masked as in runs, since a token may lie in them: use git outside.
Ctrl-C ends it, and removes the container.
"""

CLEAN_EPILOG = """\
examples:
  gpu-doc clean          containers, volumes and temporary files of a gpu-doc that was killed
  gpu-doc clean --all    detached commands too, with their results, also those that still run

Only what this user's gpu-doc made on this machine, and only if it is gone. It looks on the engine that commands here
would use, and on those that the configuration names. Results, images and caches stay. A refresh begins with the same.
"""

_RAW = argparse.RawDescriptionHelpFormatter
_WRONG_CHOICE = re.compile(r"invalid choice: '(?P<given>.*)' \(choose from (?P<known>.*)\)")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse a command line. Ends the process with 0 after help or the version, with 2 if it is wrong."""
    whole, commands = parsers()
    args, unknown = whole.parse_known_args(argv)
    chosen = commands.get(args.command, whole)
    if unknown:
        chosen.error(f"unrecognized arguments: {' '.join(unknown)}{_meant(unknown[0], chosen, args.command)}")
    if args.command is None:
        whole.exit(2, whole.format_help())
    return args


def parsers() -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """Return the parser of the whole command line, and each command's parser by name."""
    whole = _Parser(prog="gpu-doc", description=DESCRIPTION, epilog=EPILOG, formatter_class=_RAW)
    whole.add_argument("--version", action="version", version=f"gpu-doc {__version__}")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", dest="command")

    def add(name: str, text: str, epilog: str) -> argparse.ArgumentParser:
        sentence = f"{text[0].upper()}{text[1:]}."
        return commands.add_parser(name, help=text, description=sentence, epilog=epilog, formatter_class=_RAW)

    add("init", "write a working gpu-doc.yml with an example; never overwrites", INIT_EPILOG)
    _plan(add("plan", "what would run, and why", PLAN_EPILOG))
    _run(add("run", "the main job: refresh reports", RUN_EPILOG))
    check = add("check", "exit 1 if a report is stale, was edited, or has a broken claim; runs nothing", CHECK_EPILOG)
    _reports(check)
    _common(check)
    verify = add("verify", "reports, pictures, evidence and source against each other; runs nothing", VERIFY_EPILOG)
    _reports(verify)
    verify.add_argument("--json", action="store_true", help="print JSON on standard output")
    _common(verify)
    why = add("why", "where what stands on a line of a report comes from; runs nothing", WHY_EPILOG)
    why.add_argument("place", metavar="REPORT[:LINE]", help="a report by its path, and a line of it")
    why.add_argument("--json", action="store_true", help="print JSON on standard output")
    _common(why)
    _preview(add("preview", "the changed reports as a self-contained web page", PREVIEW_EPILOG))
    _lab(add("lab", "JupyterLab in the same image, mounts and limits as a run, for authoring", LAB_EPILOG))
    add("doctor", "what this machine has and lacks, each finding with its remedy", DOCTOR_EPILOG)
    clean = add("clean", "remove containers, volumes and scratch that a killed gpu-doc left", CLEAN_EPILOG)
    clean.add_argument("--all", action="store_true", help="take detached commands too")
    _common(clean)
    return whole, commands.choices


def _plan(plan: argparse.ArgumentParser) -> None:
    _reports(plan)
    plan.add_argument("--json", action="store_true", help="print JSON on standard output")
    plan.add_argument("--explain", metavar="RUN", help="list the inputs of a run, and why each is one")
    said = "for a run that publishes so: what its open pull request holds is done (default: none)"
    plan.add_argument("--publish", choices=PUBLISH_MODES, default="none", help=said)
    _branches(plan)
    _place(plan)
    _common(plan)


def _run(run: argparse.ArgumentParser) -> None:
    _reports(run)
    executed = run.add_mutually_exclusive_group()
    executed.add_argument("--force", action="store_true", help="execute runs again though they are fresh")
    run.add_argument("--jobs", type=positive, metavar="N", help="runs at a time (default: number of cores or GPUs)")
    _place(run)
    run.add_argument("--gpus", type=gpus, help="GPUs of all runs: auto, none, all, a count, or ids as in [0, 1]")
    run.add_argument("--pull", choices=PULLS, help="when images are pulled, for containers")
    run.add_argument(
        "--publish", choices=PUBLISH_MODES, default="none", help="none (default): write files, touch no git"
    )
    _branches(run)
    run.add_argument("--labels", type=_names, metavar="A,B", help="labels of the pull request")
    said = "execute nothing: bring the pull request up to date if all is fresh, else leave it"
    executed.add_argument("--only-fresh", action="store_true", help=said)
    run.add_argument("--allow-forks", action="store_true", help="run a fork's code on a self-hosted runner too")
    _common(run)


def _preview(preview: argparse.ArgumentParser) -> None:
    preview.add_argument("--base", metavar="REF", default="", help="what to compare with (default: the commit here)")
    preview.add_argument("--out", type=Path, metavar="DIR", required=True, help="where the page is written")
    _common(preview)


def _lab(lab: argparse.ArgumentParser) -> None:
    lab.add_argument("notebook", nargs="?", metavar="NOTEBOOK", help="the notebook whose run is meant, by its path")
    lab.add_argument("--port", type=positive, metavar="N", default=0, help="on 127.0.0.1 (default: any that is free)")
    _common(lab)


class _Parser(argparse.ArgumentParser):
    """Suggests the nearest valid word in its errors."""

    def error(self, message: str) -> NoReturn:
        if wrong := _WRONG_CHOICE.search(message):
            message += _hint(wrong["given"], re.findall(r"[\w-]+", wrong["known"]))
        super().error(message)


def _meant(word: str, parser: argparse.ArgumentParser, command: str | None) -> str:
    """Return what an unknown argument may have meant, as the end of the message."""
    known = re.findall(r"--[\w-]+", parser.format_usage())
    option = word.partition("=")[0]
    return f"; write it after `{command}`" if option in known else _hint(option, known)


def _hint(word: str, known: Sequence[str]) -> str:
    from gpu_doc.text.nearest import nearest  # only a mistake pays for it

    return "".join(f"; did you mean `{near}`?" for near in nearest(word, known))


def _reports(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reports", nargs="*", metavar="REPORT", help="only these reports, by their path")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration, instead of looking for it")
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="where state lies (default: .gpu-doc)")


def _place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--executor", choices=EXECUTORS, default="auto", help="where kernels live")
    parser.add_argument("--image", type=image, help="image of all runs, instead of those in the configuration")


def _branches(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", default="", metavar="BRANCH", help="branch the results are for (default: this one)")
    parser.add_argument("--branch", default="", metavar="BRANCH", help="branch of the pull request; may hold {base}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))
