"""The scripts of Vega, Vega-Lite and Vega-Embed: from the package vl-convert-python, which `altair[save]` brings.

It makes one script of the three, for each version of Vega-Lite that it has. That takes seconds, so it is kept in the
user's cache, under the seal of results: a run on this machine can write there, and what it puts there is not believed.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Protocol

from gpu_doc.resources import template_path
from gpu_doc.system import process, writing
from gpu_doc.system.python_environment import PythonEnvironment

_ADDRESS = re.compile(
    r"https://cdn\.jsdelivr\.net/npm/+(?P<name>vega|vega-lite|vega-embed)@(?P<version>\d[\d.]*)(?:\?noext)?(?:/build/[\w.-]+)?"
)
_OLDEST_VEGA = 5
"""Its charts mean the same to Vega 6, which vl-convert-python has."""
_SECONDS = 60
_BUNDLE = """
import base64, sys
sys.path.append(sys.argv[1])
import vl_convert
major, _, minor = sys.argv[2].partition(".")
there = [version.partition(".")[::2] for version in vl_convert.get_vegalite_versions()]
minors = sorted(int(least) for most, least in there if most == major and int(least) >= int(minor or 0))
if minors:
    chosen = minors[0] if minor else minors[-1]
    script = vl_convert.javascript_bundle(vl_version=f"{major}.{chosen}")
    print(base64.b64encode(script.encode()).decode())
"""


class FileSeal(Protocol):
    """Tells files that we wrote from others."""

    def close_file(self, path: Path, name: str) -> None:
        """Seal a file. Raises OSError."""

    def is_whole(self, path: Path, name: str) -> bool:
        """Whether a file is the same as when it was sealed under this name."""


class VegaScripts:
    """Scripts of Vega in the first of some Python environments that has vl-convert-python."""

    def __init__(
        self, environments: Sequence[PythonEnvironment], environ: Mapping[str, str], seal: FileSeal | None
    ) -> None:
        """Without a `seal` nothing is kept."""
        self._environments = environments
        self._environ = environ
        self._seal = seal
        self._bundle = cache(self._found)

    @property
    def package(self) -> str:
        """The version of the package; empty where it is not here."""
        return self._folder[2] if self._folder else ""

    def at(self, address: str) -> bytes | None:
        """The script that lies at a public address, where its version or a later one of the same major is here."""
        found = _ADDRESS.fullmatch(address)
        if not found:
            return None
        if found["name"] == "vega":
            return b"" if self._folder else None  # the one that comes next brings it along
        return self.lite(found["version"]) if found["name"] == "vega-lite" else self.latest()

    def address(self, kind: str, version: str) -> str | None:
        """The public address of what draws a chart of a version of Vega or Vega-Lite; None where that is not here."""
        if kind == "vega":
            known = int(version.partition(".")[0]) >= _OLDEST_VEGA and self.latest()
            return "https://cdn.jsdelivr.net/npm/vega-embed@7" if known else None
        return f"https://cdn.jsdelivr.net/npm/vega-lite@{version}" if self.lite(version) else None

    def lite(self, version: str) -> bytes | None:
        """The script for charts of a version of Vega-Lite: of this one, or of the next that is here with its major."""
        return self._bundle(".".join(version.split(".")[:2]))

    def latest(self) -> bytes | None:
        """The script for charts of Vega."""
        return next(filter(None, map(self._bundle, ("6", "5"))), None)

    @cached_property
    def _folder(self) -> tuple[PythonEnvironment, Path, str] | None:
        """Where the package is, and its version."""
        for environment in self._environments:
            for folder in map(Path, environment.search_path):
                if (folder / "vl_convert").is_dir() and (found := environment.package_version("vl_convert")):
                    return environment, folder, found[1]
        return None

    def _found(self, version: str) -> bytes | None:
        if self._folder is None:
            return None
        environment, folder, package = self._folder
        seal = self._seal
        kept = self._cache / f"vl-convert-{package}-vega-lite-{version}.js" if self._cache and seal else None
        with suppress(OSError):
            if kept and seal and seal.is_whole(kept, kept.name):
                return _wrapped(kept.read_bytes())
        try:
            argv = [str(environment.executable), "-I", "-c", _BUNDLE, str(folder), version]
            answer = process.output(argv, limit=_SECONDS, environment={"PATH": self._environ.get("PATH", os.defpath)})
            script = b64decode(answer)
        except (OSError, ValueError):
            return None
        if script and kept and seal:
            with suppress(OSError):  # the cache may be full, or read-only
                kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                writing.replace(kept, script, mode=0o600)
                seal.close_file(kept, kept.name)
        return _wrapped(script) if script else None

    @cached_property
    def _cache(self) -> Path | None:
        """Its folder, by https://specifications.freedesktop.org/basedir-spec/latest/."""
        given, home = self._environ.get("XDG_CACHE_HOME", ""), self._environ.get("HOME", "")
        place = given if given.startswith("/") else home and f"{home}/.cache"
        return Path(place, "gpu-doc/scripts") if place else None


def _wrapped(bundle: bytes) -> bytes:
    """A bundle in a scope of its own, which does nothing the second time, and tells when it has drawn."""
    return template_path("live-vega.js").read_bytes().replace(b"/* bundle */", bundle)
