"""Reports and refreshes that meet in one checkout: each shows what its own runs left."""

from __future__ import annotations

import subprocess
import sys

from tests.waiting import PATIENCE

from .conftest import Project, code, environment, notebook

RUN = (
    "{name}: {{command: [sh, -c, 'echo {name} > scores.txt; sleep 0.1; echo {name} | tee -a scores.txt'], {produces}}}"
)


def configure(project: Project, who: str) -> None:
    """Two reports of three runs each; every run writes one name, and one of the three does not say so."""
    reports = []
    for report in ("a", "b"):
        names = [f"{who}{report}{number}" for number in range(3)]
        runs = [RUN.format(name=name, produces="produces: [scores.txt]") for name in names[:2]]
        runs.append(RUN.format(name=names[2], produces="retries: {times: 0}"))
        path = f"docs/{who}-{report}.md"
        reports.append(f"  - path: {path}\n    runs:\n" + "".join(f"      {run}\n" for run in runs))
        calls = [f'text("{name}/file:scores.txt")' for name in names[:2]] + [f'text("{names[2]}")']
        project.write({path: "".join(f"<!-- gpu-doc: {call} -->\n<!-- gpu-doc: end -->\n" for call in calls)})
    project.write({f"{who}.yml": "reports:\n" + "".join(reports)})


def test_two_refreshes_of_one_checkout_at_once(refreshed: Project) -> None:
    """Another configuration, another state folder, and another path to the checkout."""
    (refreshed.root.parent / "link").symlink_to(refreshed.root)
    going = []
    for who, root in (("x", refreshed.root), ("y", refreshed.root.parent / "link")):
        configure(refreshed, who)
        words = ["run", "--config", str(root / f"{who}.yml"), "--state-dir", str(root.parent / who), "--jobs", "4"]
        argv = [sys.executable, "-m", "gpu_doc", *words]
        going.append(subprocess.Popen(argv, cwd=root, env=environment(), stderr=subprocess.PIPE, text=True))
    for each in going:
        _, said = each.communicate(timeout=PATIENCE)
        assert each.returncode == 0, said
    for who in "xy":
        for report in "ab":
            shown = refreshed.read(f"docs/{who}-{report}.md")
            for number in range(2):
                assert f"```text\n{who}{report}{number}\n{who}{report}{number}\n```" in shown, shown


def test_points_of_a_matrix_that_leave_one_name(refreshed: Project) -> None:
    cells = code("n = 0", "parameters"), code("open('scores.csv', 'w').write(f'n,square\\n{n},{n * n}\\n')")
    sweep = "sweep: {notebook: notebooks/sweep.ipynb, matrix: {n: [1, 2, 3, 4]}, produces: [scores.csv]}"
    calls = "".join(
        f'<!-- gpu-doc: table("sweep[n={n}]/file:scores.csv") -->\n<!-- gpu-doc: end -->\n' for n in (1, 2, 3, 4)
    )
    config = f"reports: [{{path: docs/other.md, runs: {{{sweep}}}}}]\n"
    refreshed.write({"gpu-doc.yml": config, "docs/other.md": calls, "notebooks/sweep.ipynb": notebook(*cells)})
    done = refreshed.gpu_doc("run", "--jobs", "4")
    assert "waits for its turn" in done.stderr
    rows = [line for line in refreshed.read("docs/other.md").splitlines() if line.startswith("| ") and "n" not in line]
    assert [row.replace(" ", "") for row in rows if "-" not in row] == ["|1|1|", "|2|4|", "|3|9|", "|4|16|"]


def test_a_folder_can_be_produced(refreshed: Project) -> None:
    command = "[sh, -c, 'mkdir -p out/x && printf \"a,b\\\\n1,2\\\\n\" | tee out/t.csv > out/x/t.csv']"
    config = f"reports: [{{path: docs/other.md, runs: {{log: {{command: {command}, produces: [out]}}}}}}]\n"
    calls = ('table("log/file:out/t.csv")', 'table("log/file:out/x/t.csv")')
    blocks = "".join(f"<!-- gpu-doc: {call} -->\n<!-- gpu-doc: end -->\n" for call in calls)
    refreshed.write({"gpu-doc.yml": config, "docs/other.md": blocks, "out/old.csv": "a\n0\n"})
    refreshed.gpu_doc("plan")
    refreshed.gpu_doc("run")
    assert refreshed.read("docs/other.md").replace(" ", "").count("|1|2|") == 2
    refreshed.gpu_doc("check")
    refreshed.edit("docs/other.md", "out/t.csv", "out/old.csv")
    assert "left no file out/old.csv" in refreshed.gpu_doc("run", code=None).stderr


def test_a_link_to_our_own_environment_is_published_by_nobody(refreshed: Project) -> None:
    command = "[sh, -c, 'ln -sf /proc/self/environ o.csv']"
    config = f"reports: [{{path: docs/other.md, runs: {{log: {{command: {command}, produces: [o.csv]}}}}}}]\n"
    block = '<!-- gpu-doc: text("log/file:o.csv") -->\n<!-- gpu-doc: end -->\n'
    refreshed.write({"gpu-doc.yml": config, "docs/other.md": block})
    done = refreshed.gpu_doc("run", code=3, OUR_OWN_WORD="correct-horse-battery")
    assert "`o.csv` is a link to /proc/self/environ; only plain files are taken" in done.stderr
    assert refreshed.read("docs/other.md") == block
    for path in refreshed.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert b"correct-horse-battery" not in path.read_bytes()


def test_a_run_that_removes_our_state_has_failed(refreshed: Project) -> None:
    """And its neighbour, which it did no harm, has not."""
    away = "import shutil; shutil.rmtree('.gpu-doc')"
    runs = "shell: {command: [rm, -rf, .gpu-doc]}, book: {notebook: notebooks/away.ipynb, cwd: root}"
    other = f"{{path: docs/other.md, runs: {{{runs}}}}}"
    report = "{path: docs/report.md, runs: {well: {command: [echo, good]}}}"
    config = f"reports: [{other}, {report}]\n"
    block = "<!-- gpu-doc: {} -->\n<!-- gpu-doc: end -->\n"
    calls = "".join(map(block.format, ('text("shell")', 'text("book/#1")')))
    refreshed.write(
        {
            "gpu-doc.yml": config,
            "docs/other.md": calls,
            "docs/report.md": block.format('text("well")'),
            "notebooks/away.ipynb": notebook(code(away)),
        }
    )
    done = refreshed.gpu_doc("run", "--jobs", "1", code=3)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("was removed while it went on") == 2
    assert "good" in refreshed.read("docs/report.md")
