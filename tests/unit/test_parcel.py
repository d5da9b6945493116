"""What goes into a container, as the tar stream that an engine reads."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from gpu_doc.execution.agent.watching import MACHINES
from gpu_doc.execution.containers.workspace import Parcel, packed, packed_texts

END = 2 * tarfile.BLOCKSIZE


def end_of(stream: bytes) -> int:
    """Where the blocks of the last file end, by reading it."""
    with tarfile.open(fileobj=io.BytesIO(stream)) as archive:
        last = archive.getmembers()[-1]
    return last.offset_data + -(-last.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def test_nothing_follows_the_end_of_an_archive(tmp_path: Path) -> None:
    # Podman 4.3 left what follows unread, and then refused the whole archive, now and then.
    (tmp_path / "a.txt").write_text("x" * 3000)
    with packed(Parcel(user=(1, 2), texts={"/t": "x"}, checkout=tmp_path)) as blocks:
        parcel = b"".join(blocks)
    for stream in (parcel, packed_texts({"/outcome/go": ""}).read()):
        assert stream[end_of(stream) :] == bytes(END)


def test_the_agent_comes_with_the_library_for_each_machine() -> None:
    with packed(Parcel(user=(1, 2))) as blocks, tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as archive:
        libraries = {Path(name).name: archive.extractfile(name) for name in archive.getnames() if name.endswith(".so")}
        heads = {name: file.read(4) for name, file in libraries.items() if file}
    assert heads == {f"watcher-{machine}.so": b"\x7fELF" for machine in MACHINES}
