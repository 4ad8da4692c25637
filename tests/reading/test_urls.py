from __future__ import annotations

import pytest

from annotools.errors import SourceError
from annotools.files.urls import is_url, local_path, printable_url, whole_archive


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("file:///data/voc", "/data/voc"),
        ("file://localhost/data/voc", "/data/voc"),
        ("file:///data/two%20words/%E6%89%8B", "/data/two words/手"),
        ("file:///data/50%25", "/data/50%"),
        ("file:///data/a#b?c", "/data/a#b?c"),
        ("/data/file%20name", "/data/file%20name"),
        ("s3://bucket/a%20b", "s3://bucket/a%20b"),
        ("C:\\data", "C:\\data"),
    ],
)
def test_a_file_url_is_a_path(text: str, path: str) -> None:
    assert local_path(text) == path


def test_a_file_url_of_another_machine_is_refused() -> None:
    with pytest.raises(SourceError, match="another machine"):
        local_path("file://server/share")


@pytest.mark.parametrize(
    ("text", "archive"),
    [
        ("zip:///data/a.zip", "/data/a.zip"),
        ("zip://a.zip", "a.zip"),
        ("zip://::/data/a.zip", "/data/a.zip"),
        ("zip://::s3://bucket/a.zip", "s3://bucket/a.zip"),
        ("zip://inside::s3://bucket/a.zip", "zip://inside::s3://bucket/a.zip"),
        ("/data/a.zip", "/data/a.zip"),
    ],
)
def test_a_whole_archive(text: str, archive: str) -> None:
    assert whole_archive(text) == archive


def test_a_drive_letter_is_no_protocol() -> None:
    assert is_url("s3://bucket")
    assert not is_url("C:\\data")
    assert not is_url("c:/data")


def test_a_password_is_not_shown() -> None:
    assert printable_url("sftp://me:secret@host/data") == "sftp://***@host/data"
    assert printable_url("s3://bucket/a:b@c") == "s3://bucket/a:b@c"
