from __future__ import annotations

import socket
from pathlib import Path

from gpu_doc.execution.containers.tunnel import _is_listened_to


def test_a_socket_counts_only_when_it_takes_connections(tmp_path: Path) -> None:
    place = tmp_path / "a socket"
    assert not _is_listened_to(place)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(place))
        assert not _is_listened_to(place)
        made.listen()
        assert _is_listened_to(place)
