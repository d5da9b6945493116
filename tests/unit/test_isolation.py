"""What decides isolation for a pull request: the base's configuration, read from a real repository."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.git_server import git
from tests.unit.test_publishing_target import PUSH

from gpu_doc import config
from gpu_doc.errors import ConfigError, UsageError
from gpu_doc.git.commits import Remote
from gpu_doc.github.event import Event
from gpu_doc.model.configuration import Config, Run
from gpu_doc.trust.isolation import with_base
from gpu_doc.trust.origin import Origin

pytestmark = pytest.mark.needs("git")

REMOTE = Remote(url="/nowhere/docs.git", token=None)
OURS = Origin(kind="pull-request", name="7")
FORK = Origin(kind="fork", name="7")

BASE = """\
defaults: {limits: {memory: 8g}}
reports:
  - path: a.md
    image: pytorch:v1
    runs:
      train: {command: [train], env: [MODE], caches: {HF_HOME: /srv/hf}, data: [rows/, /srv/data], gpus: 1}
      log: {command: [log], network: bridge}
"""


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def commit(root: Path) -> str:
    git(root, "add", "-A")
    git(root, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "x")
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout whose first commit is the base's."""
    git(tmp_path, "init", "-q", "-b", "main")
    write(tmp_path, {"gpu-doc.yml": BASE, "a.md": "", "b.md": "", "rows/1.csv": "1\n"})
    commit(tmp_path)
    return tmp_path


def merged(root: Path, text: str, origin: Origin = OURS, **event: object) -> tuple[Config, list[str]]:
    """The configuration of a pull request's checkout, and what was said of it."""
    base = git(root, "rev-parse", "HEAD")
    write(root, {"gpu-doc.yml": text})
    head = commit(root)
    about = replace(PUSH, name="pull_request", pull_request=7, sha="2" * 40, head_sha=head, branch=None)
    told: list[str] = []
    known = replace(about, **{"base_sha": base, **event})  # type: ignore[arg-type]  # fields by name
    found = with_base(
        config.load(root / "gpu-doc.yml"), known, origin, REMOTE, os.environ, lambda what, _: told.append(what)
    )
    return found, told


def only(found: Config, name: str = "train") -> Run:
    return next(run for report in found.reports for run in report.runs if run.name == name)


def test_a_pull_request_that_changes_nothing_of_it_keeps_its_own_and_hears_nothing(root: Path) -> None:
    text = BASE.replace("[train]", "[train, --fast]").replace("rows/", "rows/1.csv")
    found, told = merged(root, text)
    assert found.reports == config.load(root / "gpu-doc.yml").reports
    assert told == []


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("    image: pytorch:v1\n", "", "image"),
        ("pytorch:v1", "pytorch:evil", "image"),
        ("gpus: 1", "user: image", "user"),
        ("gpus: 1", "network: bridge", "network"),
        ("gpus: 1", "docker-host: ssh://other", "docker-host"),
        ("gpus: 1", "bootstrap: true", "bootstrap"),
        ("gpus: 1", "gpu-driver: cdi", "gpu-driver"),
        ("gpus: 1", "detach: true", "detach"),
        ("gpus: 1", "secrets: [AWS_SECRET]", "secrets"),
        ("[MODE]", "[MODE, INPUT_TOKEN]", "env"),
        ("{HF_HOME: /srv/hf}", "{HF_HOME: /srv/hf, X: /srv/else}", "caches"),
        ("/srv/data", "/srv/other", "data"),
        ("[rows/, /srv/data]", "[rows/, ../sibling]", "data"),
    ],
)
def test_what_isolates_is_the_bases(root: Path, before: str, after: str, key: str) -> None:
    assert before in BASE
    found, told = merged(root, BASE.replace(before, after))
    base = config.load_other(BASE.encode(), root / "gpu-doc.yml")[0]
    field = key.replace("-", "_")
    if key == "data":
        assert [source.path for source in only(found).data] == ["rows/"]
    else:
        assert getattr(only(found), field) == getattr(only(base), field)
    assert f"the run train of a.md has `{key}` as main has it" in told[0]


def test_a_stranger_takes_no_more_of_the_machine_and_who_may_push_may(root: Path) -> None:
    text = BASE.replace("memory: 8g", "memory: 64g").replace("gpus: 1", "gpus: all")
    found, _ = merged(root, text, FORK)
    assert (only(found).limits.memory, only(found).gpus) == (8 << 30, 1)
    found, _ = merged(root, BASE.replace("memory: 8g", "memory: 64g"))
    assert only(found).limits.memory == 64 << 30


def test_a_new_run_has_the_bases_defaults_and_never_this_machine_where_all_others_have_an_image(root: Path) -> None:
    new = "      new: {command: [new], caches: {X: /srv/hf}, image: other:v1}\n"
    found, told = merged(root, BASE + new)
    assert (only(found, "new").image, only(found, "new").caches) == ("other:v1", {}), "a container is asked for"
    assert len(told) == 1
    write(root, {"gpu-doc.yml": BASE})
    commit(root)
    local = BASE.replace("    image: pytorch:v1\n", "") + "      new: {command: [new]}\n"
    with pytest.raises(ConfigError, match="the run new is new and has no image"):
        merged(root, local)


def test_an_image_that_the_base_does_not_have_is_taken(root: Path) -> None:
    write(root, {"gpu-doc.yml": BASE.replace("    image: pytorch:v1\n", "")})
    commit(root)
    found, told = merged(root, BASE)
    assert only(found).image == "pytorch:v1"
    assert told == []


def test_a_link_that_leads_out_is_data_only_where_it_is_the_bases(root: Path) -> None:
    outside = root.parent / f"{root.name}-outside"
    outside.mkdir()
    (root / "linked").symlink_to(outside)
    write(root, {"gpu-doc.yml": BASE.replace("rows/, ", "rows/, linked, ")})
    commit(root)
    found, told = merged(root, BASE.replace("rows/, ", "rows/, linked, "))
    assert [source.path for source in only(found).data] == ["rows/", "linked", "/srv/data"]
    (root / "linked").unlink()
    (root / "linked").symlink_to("/home")
    found, told = merged(root, BASE.replace("rows/, ", "rows/, linked, "))
    assert [source.path for source in only(found).data] == ["rows/", "/srv/data"]
    assert "`data`" in told[0]


def test_a_merge_that_the_pull_request_made_itself_is_not_taken_for_githubs(root: Path) -> None:
    """Its first parent would be a commit with a configuration of the pull request's own choice."""
    base = git(root, "rev-parse", "HEAD")
    forged = BASE.replace("pytorch:v1", "pytorch:evil")
    write(root, {"gpu-doc.yml": forged})
    chosen = commit(root)
    tree = git(root, "rev-parse", "HEAD^{tree}")
    identity = {f"GIT_{role}_{what}": "a" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    head = git(root, "commit-tree", tree, "-p", chosen, "-p", base, "-m", "merge", **identity)
    git(root, "reset", "-q", "--hard", head)
    about = replace(PUSH, name="pull_request", pull_request=7, sha="2" * 40, head_sha=head, base_sha=base)
    own = config.load(root / "gpu-doc.yml")
    found = with_base(own, about, FORK, REMOTE, os.environ, lambda *_: None)
    assert only(found).image == "pytorch:v1"
    # GitHub's own: what it says it made is checked out, and its second parent is the head.
    merge = git(root, "commit-tree", tree, "-p", base, "-p", head, "-m", "merge", **identity)
    git(root, "reset", "-q", "--hard", merge)
    about = replace(about, sha=merge, base_sha="3" * 40)
    assert only(with_base(own, about, FORK, REMOTE, os.environ, lambda *_: None)).image == "pytorch:v1"


def test_where_the_base_has_no_configuration_only_who_may_push_brings_one(root: Path) -> None:
    git(root, "rm", "-q", "gpu-doc.yml")
    commit(root)
    found, told = merged(root, BASE)
    assert only(found).image == "pytorch:v1"
    assert "gpu-doc.yml is new" in told[0]
    git(root, "rm", "-q", "gpu-doc.yml")
    commit(root)
    with pytest.raises(UsageError, match="main has no gpu-doc"):
        merged(root, BASE, FORK)


def test_a_moved_configuration_is_found_where_the_base_has_it(root: Path) -> None:
    base = git(root, "rev-parse", "HEAD")
    git(root, "rm", "-q", "gpu-doc.yml")
    write(root, {".github/gpu-doc.yml": BASE.replace("    image: pytorch:v1\n", "")})
    head = commit(root)
    about = replace(PUSH, name="pull_request", pull_request=7, sha="2" * 40, head_sha=head, base_sha=base)
    own = config.load(root / ".github/gpu-doc.yml")
    assert only(with_base(own, about, OURS, REMOTE, os.environ, lambda *_: None)).image == "pytorch:v1"


def test_a_configuration_that_is_a_link_is_read_where_it_leads(root: Path) -> None:
    (root / ".github").mkdir()
    (root / ".github/gpu-doc.yml").symlink_to("../gpu-doc.yml")
    base = commit(root)
    write(root, {"gpu-doc.yml": BASE.replace("    image: pytorch:v1\n", "")})
    about = replace(PUSH, name="pull_request", pull_request=7, sha="2" * 40, head_sha=commit(root), base_sha=base)
    own = config.load(root / ".github/gpu-doc.yml")
    assert only(with_base(own, about, OURS, REMOTE, os.environ, lambda *_: None)).image == "pytorch:v1"


def test_what_the_base_has_and_nobody_can_read_ends_the_run(root: Path) -> None:
    with pytest.raises(UsageError, match="whose commit is not here") as raised:
        merged(root, BASE, base_sha="3" * 40)
    assert "fetch-depth" in raised.value.remedy
    write(root, {"gpu-doc.yml": "reports: 1\n"})
    commit(root)
    with pytest.raises(ConfigError, match="1 problem in gpu-doc"):
        merged(root, BASE)


def test_other_events_keep_their_own(root: Path) -> None:
    own = config.load(root / "gpu-doc.yml")
    push: Event = PUSH
    branch = Origin(kind="branch", name="main")
    assert with_base(own, push, branch, REMOTE, os.environ, lambda *_: None) is own


def test_a_base_whose_files_are_not_all_here_is_not_taken_for_one_without_a_configuration(root: Path) -> None:
    """As a clone with `filter: blob:none` has it: the commit is there, and the file is not."""
    blob = git(root, "rev-parse", "HEAD:gpu-doc.yml")
    (root / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(UsageError, match="whose commit is not here"):
        merged(root, BASE.replace("    image: pytorch:v1\n", ""))
