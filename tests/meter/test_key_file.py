"""The key file: read where it is one, refused in a sentence where it is not, never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.errors import KeyFileUnusable
from gateway.meter import read_key
from gateway.p1.cipher import MeterKey

KEY, OTHER = "0F" * 16, "a1" * 16


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "meter.key"
    path.touch(mode=0o600)
    return path


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (KEY, MeterKey.parse(KEY)),
        (f"# from the operator\n\n  {KEY}  # of 2026\r\n", MeterKey.parse(KEY)),
        (f"{KEY}\n{OTHER}\n", MeterKey.parse(KEY, OTHER)),
        (f"{KEY}\n30{OTHER}\n", MeterKey.parse(KEY, OTHER)),
    ],
)
def test_a_key_is_read_with_comments_and_blank_lines(file: Path, text: str, key: MeterKey) -> None:
    file.write_text(text)
    assert read_key(str(file)) == key


def test_no_path_is_no_key() -> None:
    assert read_key("") is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "must hold one line with the encryption key"),
        (b"# nothing yet\n", "must hold one line with the encryption key"),
        (f"{KEY}\n{OTHER}\n{KEY}".encode(), "must hold one line"),
        (KEY[:-1].encode(), "31 hexadecimal digits instead of 32"),
        (f"{KEY}\n{OTHER}0".encode(), "authentication key cannot be used"),
        (b"xyz", "no hexadecimal digit"),
        (b"\xff" * 16, "is not a text file"),
    ],
)
def test_what_is_no_key_is_refused_without_showing_it(file: Path, content: bytes, sentence: str) -> None:
    file.write_bytes(content)
    with pytest.raises(KeyFileUnusable, match=sentence) as refused:
        read_key(str(file))
    assert KEY[:8] not in str(refused.value)
    assert str(file) in str(refused.value)


def test_a_key_that_everybody_can_read_is_refused_with_the_command_that_mends_it(file: Path) -> None:
    file.write_text(KEY)
    file.chmod(0o640)
    assert read_key(str(file))
    file.chmod(0o644)
    with pytest.raises(KeyFileUnusable, match=f"run chmod 600 {file}"):
        read_key(str(file))


def test_a_missing_key_file_is_refused(tmp_path: Path) -> None:
    for path in (str(tmp_path / "none"), str(tmp_path), "~nobody-of-this-name/key"):
        with pytest.raises(KeyFileUnusable):
            read_key(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_key_file_is_refused(file: Path) -> None:
    file.chmod(0)
    with pytest.raises(KeyFileUnusable, match="Permission denied"):
        read_key(str(file))
