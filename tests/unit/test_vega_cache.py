"""The script of Vega in the user's cache: whole and ours, or not there."""

from __future__ import annotations

import sys
from pathlib import Path

from gpu_doc.pictures.vega import VegaScripts
from gpu_doc.record.seal import Seal
from gpu_doc.system.python_environment import PythonEnvironment

MADE = """
from pathlib import Path
def get_vegalite_versions():
    return ["5.21", "6.1"]
def javascript_bundle(vl_version):
    with Path("{log}").open("a") as log:
        log.write("made\\n")
    return "made for " + vl_version
"""


def test_a_script_that_somebody_else_put_there_is_not_believed(tmp_path: Path) -> None:
    """As a local run can: it is made again."""
    log, packages, cache = tmp_path / "log", tmp_path / "packages", tmp_path / "cache/gpu-doc/scripts"
    (packages / "vl_convert").mkdir(parents=True)
    (packages / "vl_convert/__init__.py").write_text(MADE.format(log=log))
    (packages / "vl_convert-1.9.dist-info").mkdir()
    (packages / "vl_convert-1.9.dist-info/METADATA").write_text("Name: vl-convert\nVersion: 1.9\n")
    environment = PythonEnvironment(Path(sys.executable), "3.11", (str(packages),))

    def script(key: str = "key") -> bytes:
        scripts = VegaScripts([environment], {"XDG_CACHE_HOME": str(tmp_path / "cache")}, Seal(tmp_path / key))
        return scripts.lite("5") or b""

    assert b"made for 5.21" in script()
    assert b"made for 5.21" in script()
    assert log.read_text() == "made\n", "the second one is the kept one"
    [kept] = cache.glob("*.js")
    for name in ("key", "another key"):
        kept.write_text("poison")
        Seal(tmp_path / "another key").close_file(kept, kept.name)
        assert b"made for 5.21" in script(), name
    assert log.read_text() == "made\n" * 3
