"""Names that hold markup, script, quotes, terminal escapes, line ends and right-to-left marks do nothing.

Every name stands for a class, a file and a folder at once, and goes through every command that prints, and
through every format that is written. What comes out is read by parsers that are not ours.
"""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from annotools.cli import main
from annotools.view.fonts import choose_fonts

NAMES = {
    "markup": '<img src=x onerror="document.title=1">',
    "script": "</script><script>alert(1)</script>",
    "template": "{{ 7 * 7 }}{% raw %}${x}",
    "quotes": """a"b'c`d&quot;e&#34;""",
    "command": "a%0A::error file=x::y,line=1",
    "lines": "a\n::error::b\r::warning::c",
    "escapes": "\x1b[31mred\x1b]0;title\x07\x9b2J\x08",
    "right-to-left": "a\u202egpj.exe\u2066b\u200e",
    "not-utf-8": "caf\udce9",
    "format": "%s%n{0}{x!r}",
    "fullwidth": "ａ\u200bｂ",
}
# What XML 1.0 or a file system does not hold is left out there.
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


@pytest.fixture(params=NAMES)
def source(request: pytest.FixtureRequest, make_tree: Any, make_xml: Any, tmp_path: Path) -> Path:
    return make(make_tree, make_xml, tmp_path, NAMES[request.param])


def make(make_tree: Any, voc_xml: Any, folder: Path, name: str) -> Path:
    """Two faulty images with the name and a sound one, in a folder of the name; and an older version."""
    file, tag = name.replace("/", "∕"), escape(NOT_XML.sub("", name).replace("/", "∕"))
    for version in ("old", "new"):
        tree = make_tree(folder / f"{version} {file}")
        end = 35 if version == "old" else 38
        for stem, objects in (
            (f"{file}-1", [(tag, 30, 6, 5, end), (tag, 2, 2, 59, 90)]),
            (f"{file}-2", [(tag, 5, 6, 30, end), (f"{tag} ", 5, 6, 30, end)]),
            ("plain", [(tag, 5, 6, 30, 35)]),
        ):
            tree.add(stem, xml=voc_xml(f"{tag}.jpg", objects))
    root: Path = tree.root
    return root


def run(*words: object, capfdbinary: Any) -> tuple[bytes, bytes]:
    main([os.fspath(word) if isinstance(word, Path) else str(word) for word in words])
    captured = capfdbinary.readouterr()
    return captured.out, captured.err


def assert_harmless(data: bytes, allowed: str = "") -> list[str]:
    """No byte that is not UTF-8, and no line that a terminal does anything with; the lines."""
    lines = data.decode("utf-8").split("\n")
    for line in lines:
        odd = {letter for letter in line if not letter.isprintable()} - set(allowed)
        assert not odd, (odd, line)
        assert not line.startswith("::")  # GitHub reads commands in any output of a step
    return lines


def test_terminals(source: Path, tmp_path: Path, capfdbinary: Any) -> None:
    old = next(one for one in source.parent.iterdir() if one.name.startswith("old "))
    out = tmp_path / "out"
    commands: Iterable[tuple[object, ...]] = (
        ("validate", source),
        ("validate", source, "--format", "concise", "--examples", "0"),
        ("validate", source, "--statistics"),
        ("fix", source, "--fix", "swap-inverted,clip,strip-class-names", "--dry-run"),
        ("fix", source, tmp_path / "fixed", "--fix", "swap-inverted,clip"),
        ("stats", source),
        ("show", source, "-o", source.parent / f"{source.name}.png"),
        ("report", source, "-o", source.parent / f"{source.name}.html", "--against", old, "--workers", "1"),
        ("diff", old, source),
        ("convert", source, out, "--to", "tfrecord", "--workers", "1"),
        ("convert", source, out, "--to", "tfrecord", "--on-error", "skip", "--workers", "1"),
        ("convert", source, tmp_path / "yolo", "--to", "yolo", "--on-error", "skip", "--workers", "1"),
        ("convert", source, tmp_path / "coco", "--to", "coco", "--on-error", "skip", "--fix", "clip"),
        ("verify", out, "--against", old, "--workers", "1"),
        ("verify", tmp_path / "yolo", "--against", source, "--workers", "1"),
        ("verify", tmp_path / "coco", "--against", source, "--workers", "1"),
        ("evaluate", source, source / "none.json"),
        ("stats", source / "none"),
    )
    for words in commands:
        for data in run(*words, capfdbinary=capfdbinary):
            assert_harmless(data)
    for words in (("classes", source), ("fix", source, "--fix", "swap-inverted,clip", "--diff")):
        for data in run(*words, capfdbinary=capfdbinary):
            assert_harmless(data, "\t")


def test_github(source: Path, capfdbinary: Any) -> None:
    said, _ = run("validate", source, "--format", "github", capfdbinary=capfdbinary)
    report, _ = run("validate", source, "--format", "json", capfdbinary=capfdbinary)
    lines = said.decode().split("\n")[:-1]
    assert len(lines) == len(json.loads(report.decode("utf-8", "surrogateescape"))["issues"]) > 3
    for line in lines:
        assert line.isprintable()
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert match is not None
        assert {part.partition("=")[0] for part in match[2].split(",")} <= {"file", "line", "title"}
        assert not re.search("%(?!25)", match[3])  # no escape of GitHub's that we did not write


def test_junit_and_sarif(source: Path, capfdbinary: Any) -> None:
    report, _ = run("validate", source, "--format", "junit", capfdbinary=capfdbinary)
    text = report.decode("utf-8")
    tags = {one.tag for one in ElementTree.fromstring(text).iter()}
    assert tags <= {"testsuites", "testsuite", "testcase", "failure", "system-out"}
    assert_harmless(report)
    log, _ = run("validate", source, "--format", "sarif", capfdbinary=capfdbinary)
    assert_harmless(log)
    for one in json.loads(log)["runs"][0]["results"]:
        assert one["message"]["text"].isprintable()
        uri = one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9/%._~!:-]*", uri)


class Tags(HTMLParser):
    """The elements of a page with the names of their attributes, and the text of the scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[tuple[str, tuple[str, ...]]] = set()
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, tuple(sorted(name for name, _ in attrs))))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def page_of(source: Path, page: Path) -> str:
    old = next(one for one in source.parent.iterdir() if one.name.startswith("old "))
    words = ["report", str(source), "-o", str(page), "--against", str(old), "--workers", "1", "--quiet"]
    assert main(words) == 0
    return page.read_text(encoding="utf-8")


def test_the_page(source: Path, make_tree: Any, make_xml: Any, tmp_path: Path) -> None:
    page = page_of(source, tmp_path / "page.html")
    plain = page_of(make(make_tree, make_xml, tmp_path / "plain", "cup"), tmp_path / "plain.html")
    found, expected = Tags(page), Tags(plain)
    handlers = {name for _, names in found.found for name in names if name.startswith("on")}
    assert not handlers
    assert {tag for tag, _ in found.found} <= {tag for tag, _ in expected.found}
    assert len(found.scripts) == len(expected.scripts)
    assert found.scripts[-1] == expected.scripts[-1]  # the program; what comes before are data
    for text in found.scripts[:-1]:
        json.loads(text)
    assert [letter for letter in set(page) if not (letter.isprintable() or letter == "\n")] == []


def test_a_sheet_shows_the_escape_and_not_its_effect() -> None:
    fonts = choose_fonts(["a\u202eb\x9b\x1b"])
    assert fonts.spelled("a\u202eb\x9b\x1b") == "a\\u202eb\\x9b\\x1b"
