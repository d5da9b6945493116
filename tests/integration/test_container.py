"""What only containers have: images of all kinds, users, mounts, limits."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.engines import image
from tests.integration.running import Runner, in_containers, text

from gpu_doc.model.configuration import DataSource, Limits

pytestmark = pytest.mark.needs("docker")


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Runner]:
    with in_containers(tmp_path, image("kernel")) as made:
        yield made


def said(runner: Runner, script: str, **keys: Any) -> Any:
    """What a Python command prints as JSON."""
    finished = runner.one("said", command=("python3", "-c", script), **keys)
    assert finished.error is None, f"{finished.error}\n{finished.error.details}"
    return json.loads((finished.job.folder / "terminal.log").read_text().replace("\r\n", ""))


def notebook(runner: Runner, name: str, source: str, kernel: str = "python3") -> str:
    path = runner.root / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
    spec = {"name": kernel, "display_name": kernel}
    whole = {"cells": [cell], "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole))
    return f"notebooks/{name}.ipynb"


def run_notebook(runner: Runner, name: str, source: str, *, kernel: str = "python3", **keys: Any) -> str:
    """What a notebook of one cell prints."""
    finished = runner.one(name, notebook=notebook(runner, name, source, kernel), **keys)
    assert finished.error is None, f"{finished.error}\n{finished.error.details}"
    return text(finished)


def test_a_kernel_of_another_language_comes_with_the_image(containers: Runner) -> None:
    assert run_notebook(containers, "bash", 'echo "from $0, $((6 * 7))"', kernel="bash").strip().endswith("42")


@pytest.mark.full
def test_an_image_without_ipykernel_gets_it_once(tmp_path: Path) -> None:
    with in_containers(tmp_path, image("bare")) as runner:
        assert run_notebook(runner, "first", "print(6 * 7)", bootstrap=True) == "42\n"
        assert run_notebook(runner, "second", "print(6 * 8)", bootstrap=True) == "48\n"
        built = [event for event in runner.heard.events if event[0] == "message" and "ipykernel" in event[1]]
        assert len(built) <= 1


def test_an_image_that_was_made_for_root_runs_as_its_own_user(tmp_path: Path) -> None:
    with in_containers(tmp_path, image("conda-like")) as runner:
        source = "import os, sys; open('x', 'w').write(''); print(os.getuid(), sys.executable)"
        user, python = run_notebook(runner, "root", source, user="image").split()
        assert (user, Path(python).parts[:2]) == ("0", ("/", "root"))


def test_a_user_whom_the_image_does_not_know_has_a_name_and_a_home(containers: Runner) -> None:
    script = "import getpass, json, os, pwd, pathlib\n"
    script += "home = pathlib.Path.home(); (home / 'x').touch()\n"
    script += "me = pwd.getpwuid(os.getuid()); import grp\n"
    script += (
        "print(json.dumps([getpass.getuser(), me.pw_name, me.pw_dir, str(home), grp.getgrgid(os.getgid()).gr_name]))"
    )
    assert said(containers, script) == ["runner", "runner", "/gpu-doc/home", "/gpu-doc/home", "runner"]


def test_limits_hold_inside_and_libraries_know_them(containers: Runner) -> None:
    script = "import json, os\n"
    script += "shm = os.statvfs('/dev/shm'); shm = shm.f_frsize * shm.f_blocks\n"
    script += "print(json.dumps([os.environ['OMP_NUM_THREADS'], shm]))"
    limits = Limits(cpus=1.5, shm=64 << 20, memory=200 << 20, processes=50)
    assert said(containers, script, limits=limits) == ["2", 64 << 20]


def test_limits_beyond_the_machine_are_capped_with_a_word(containers: Runner) -> None:
    assert said(containers, "print(1)", limits=Limits(cpus=4096.0, memory=1 << 50)) == 1
    words = [event[1] for event in containers.heard.events if event[0] == "message"]
    assert [word for word in words if "`limits.cpus` is 4096, this machine has" in word]
    assert [word for word in words if "`limits.memory` is" in word]


def test_data_can_be_read_and_nothing_else(containers: Runner, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "rows.csv").write_text("1\n")
    (containers.root / "data").mkdir()
    (containers.root / "data/rows.csv").write_text("2\n")
    script = "import json, pathlib\n"
    script += f"places = [pathlib.Path('data'), pathlib.Path({str(outside)!r})]\n"
    script += "def refused(path):\n try: path.write_text('x')\n except OSError as e: return type(e).__name__\n"
    script += (
        "print(json.dumps([[(p / 'rows.csv').read_text(), refused(p / 'new') or '', refused(p / 'rows.csv') or ''] "
    )
    script += "for p in places]))"
    data = (DataSource(path="data"), DataSource(path=str(outside)))
    (inner, outer) = said(containers, script, data=data)
    assert inner[0] == "2\n"
    assert outer[0] == "1\n"
    assert {*inner[1:], *outer[1:]} <= {"OSError", "PermissionError"}
    assert (outside / "rows.csv").read_text() == "1\n"
    assert [path.name for path in outside.iterdir()] == ["rows.csv"]


def test_caches_are_kept_from_run_to_run(containers: Runner, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    script = "import json, os, pathlib\nfile = pathlib.Path(os.environ['HF_HOME'], 'model')\n"
    script += "before = file.exists(); file.write_text('x'); print(json.dumps([str(file), before]))"
    assert said(containers, script, caches={"HF_HOME": str(cache)}) == [str(cache / "model"), False]
    finished = containers.one("again", command=("python3", "-c", script), caches={"HF_HOME": str(cache)})
    assert "true" in (finished.job.folder / "terminal.log").read_text()


def test_nothing_of_another_run_is_in_a_run(runner: Runner) -> None:
    """One slot, one worker: the second run comes right after the first."""
    mark = f"{os.getpid()}-{runner.folder.name}"
    leave = "import os, builtins\nos.environ['TRACE'] = '1'\nbuiltins.trace = 1\n"
    leave += f"open('/dev/shm/trace-{mark}', 'w').close()\nopen('left', 'w').close()"
    look = "import builtins, os\n"
    look += "print(os.environ.get('TRACE'), hasattr(builtins, 'trace'), os.path.exists('left'))"
    paths = {name: notebook(runner, name, source) for name, source in (("first", leave), ("second", look))}
    finished = runner.run([runner.job(name, notebook=path) for name, path in paths.items()], parallel=1)
    assert [error for each in finished.values() if (error := each.error)] == []
    # What a local run writes stays where it put it.
    assert text(finished["second"]).split() == ["None", "False", "False" if runner.docker else "True"]
    Path(f"/dev/shm/trace-{mark}").unlink(missing_ok=True)
