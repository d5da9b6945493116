"""Claims: what a report, or a sentence of a person, says about a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_doc.model.location import Location

if TYPE_CHECKING:
    from gpu_doc.model.configuration import Run


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A condition on a value, or a number in a sentence."""

    address: str
    """The value: `run/cell`."""
    expected: str
    """A condition such as `>= 0.92`; or the sentence as the configuration has it."""
    location: Location
    """Where it is written: in the configuration, a template or a block."""
    file: str = ""
    """The Markdown file with the sentence, relative to root; empty for a condition."""
    in_text: bool = False
    """Whether a template or a block has it, as `expect()`."""
    tolerance: str = ""
    """How much the value may differ, as the configuration has it: `0.01`, `1 %`; empty if nothing is said."""
    mend: bool = False
    """Whether the number in the sentence is to be corrected."""

    @property
    def identity(self) -> tuple[str, str, str, bool, bool]:
        """The same for the same claim, wherever it stands."""
        return self.file, self.address, self.expected, self.in_text, self.mend

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.file}: {self.expected}" if self.file else f"{self.address} {self.expected}"


def tolerance_of(run: Run, address: str) -> str:
    """Return how much a value of a run may differ from run to run, as configured; empty if nothing is said."""
    every = f"{run.name}[*]{address.removeprefix(run.address)}"
    return run.tolerance.get(address) or run.tolerance.get(every, "")
