"""Pointers of Git LFS, and what only looks like one."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path

import pytest

from gpu_doc.git import lfs
from gpu_doc.pictures.png import decoded_equal
from gpu_doc.record.contents import Contents

OID = b"4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
HEAD = b"version https://git-lfs.github.com/spec/v1\n"
POINTER = HEAD + b"oid sha256:%b\nsize 12345\n" % OID
EXTENDED = HEAD + b"ext-0-foo sha256:%b\next-1-bar sha256:%b\noid sha256:%b\nsize 1\n" % (OID, b"0" * 64, b"1" * 64)


@pytest.mark.parametrize("content", [POINTER, EXTENDED])
def test_a_whole_pointer_counts_as_the_file_that_it_stands_for(tmp_path: Path, content: bytes) -> None:
    assert lfs.oid(content) == OID.decode()
    (tmp_path / "a").write_bytes(content)
    assert lfs.is_pointer(tmp_path / "a")
    assert Contents().hash(tmp_path / "a") == OID.decode()


@pytest.mark.parametrize(
    "content",
    [
        POINTER + b"anything after it",
        POINTER + b"\n",
        POINTER[:-1],
        POINTER.replace(b"\n", b"\r\n"),
        HEAD + b"oid sha256:%b\n" % OID,
        HEAD + b"size 1\noid sha256:%b\n" % OID,
        HEAD + b"oid sha256:%b\nsize -1\n" % OID,
        HEAD + b"oid sha256:%b\nsize 1\n" % OID[:-1],
        HEAD + b"oid sha256:%b\nsize 1\n" % OID.upper(),
        HEAD + b"oid sha1:%b\nsize 1\n" % OID[:40],
        HEAD + b"oid sha256:%b\nsize %b\n" % (OID, b"1" * 1000),
        b" " + POINTER,
        HEAD,
        b"",
    ],
)
def test_what_only_begins_like_a_pointer_counts_by_its_bytes(tmp_path: Path, content: bytes) -> None:
    assert lfs.oid(content) is None
    (tmp_path / "a").write_bytes(content)
    assert Contents().hash(tmp_path / "a") == sha256(content).hexdigest()


def test_a_pointer_in_the_middle_of_a_large_file_is_part_of_it(tmp_path: Path) -> None:
    content = b"x" * (1 << 20) + POINTER
    (tmp_path / "a").write_bytes(content)
    assert Contents().hash(tmp_path / "a") == sha256(content).hexdigest()


def png(size: tuple[int, int] = (4, 3), colour: str = "red") -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_what_is_no_whole_picture_is_equal_to_none() -> None:
    whole = png()
    huge = whole[:16] + (2**31 - 1).to_bytes(4, "big") * 2 + whole[24:]
    spoilt = whole.replace(b"IDAT", b"IDAX")
    assert decoded_equal(whole, png())
    for other in (POINTER, b"", b"GIF89a", whole[:30], whole[:-20], huge, spoilt, png((3, 4)), png(colour="blue")):
        assert not decoded_equal(other, whole)
        assert not decoded_equal(whole, other)
    assert not decoded_equal(huge, huge)
