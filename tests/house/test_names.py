"""Names of output files on systems other than this one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.errors import OutputError
from annotools.files import names


def check(every: list[str], folder: Path) -> None:
    found = names.Names(folder)
    for name in every:
        found.add(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a/b.xml", None),
        ("手机.xml", None),
        ("console.xml", None),
        ("com10.xml", None),
        ("a:b.xml", "':' in it"),
        ("a\\b.xml", "'\\\\' in it"),
        ("what?.xml", "'?' in it"),
        ("a\nb.xml", "'\\n' in it"),
        ("Aux.xml", "'Aux.xml' is a device"),
        ("nul/a.xml", "'nul' is a device"),
        ("COM1", "'COM1' is a device"),
        ("a./b.xml", "'a.' ends with '.'"),
        ("a /b.xml", "'a ' ends with ' '"),
    ],
)
def test_what_windows_forbids(name: str, reason: str | None) -> None:
    assert names.why_not_on_windows(name) == reason


def test_here_every_name_goes(tmp_path: Path) -> None:
    check(["a:b", "A", "a", "nul"], tmp_path)


def test_on_windows_a_forbidden_name_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    check(["a.xml", "b/c.xml"], tmp_path)
    with pytest.raises(OutputError, match="cannot hold a file of this name") as caught:
        check(["a.xml", "b:c.xml"], tmp_path)
    assert caught.value.found == "b:c.xml"


def test_names_that_differ_by_case_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "ignores_case", lambda _: True)
    check(["a.xml", "b.xml", "a.xml"], tmp_path)
    with pytest.raises(OutputError, match="differ by case only"):
        check(["a.xml", "b.xml", "A.xml"], tmp_path)


def test_a_file_system_that_ignores_case_is_known_by_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "Folder"
    folder.mkdir()
    assert not names.ignores_case(folder)
    os.symlink(folder, tmp_path / "fOLDER")  # as such a file system shows it
    assert names.ignores_case(folder)


def test_convert_and_fix_ask(tree: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.add("a", [("shoes", 30, 6, 5, 35)]).add("A").lists(Train=["a"], train=["A"])
    monkeypatch.setattr(names, "ignores_case", lambda _: True)
    with pytest.raises(OutputError, match="differ by case only"):
        annotools.convert(tree.root, tmp_path / "out", to="tfrecord", fix="swap-inverted")
    assert not (tmp_path / "out").exists()
    with pytest.raises(OutputError, match="differ by case only"):
        annotools.fix(tree.root, tmp_path / "fixed", fixes="swap-inverted")
    assert not (tmp_path / "fixed").exists()
    monkeypatch.undo()
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", fix="swap-inverted")
    assert result.ledger.images.written == 2
    assert annotools.fix(tree.root, tmp_path / "fixed", fixes="swap-inverted").counts == {"swap-inverted": 1}
