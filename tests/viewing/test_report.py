"""`annotools report`: what is in the page. What a browser makes of it is in test_browser.py."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import annotools
from annotools.cli import main
from annotools.records import Box, Object
from annotools.view import cards
from annotools.view.differences import compare
from annotools.view.findings import split_message


class Page(HTMLParser):
    """The page as a parser sees it: tags with attributes, texts by the id or class of their element."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag == "td" and self.rows:
            self.rows[-1].append("")
        elif tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "script" in self._inside:
            self.scripts[-1] += data
        elif "style" not in self._inside:
            self.text += data
            if "td" in self._inside and self.rows and self.rows[-1]:
                self.rows[-1][-1] += data.strip()

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.tags
            if name == tag and all(found.get(key) == value for key, value in attributes.items())
        ]

    def data(self, name: str) -> Any:
        kinds = [attributes.get("id") for tag, attributes in self.tags if tag == "script"]
        return json.loads(self.scripts[kinds.index(name)])


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "report.html"


def noise(seed: int, width: int = 60, height: int = 40) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    output = BytesIO()
    Image.fromarray(pixels).save(output, "PNG")
    return output.getvalue()


@pytest.mark.parametrize("name", ["bccd", "sample_data"])
def test_its_figures_are_those_of_stats(
    name: str, page: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(request.getfixturevalue(name))
    assert main(["stats", source, "--format", "json", "--image-size", "200x320"]) == 0
    expected = json.loads(capsys.readouterr().out)
    assert main(["report", source, "-o", str(page), "--image-size", "200x320", "--quiet", "--quick"]) == 0
    seen = Page(page)
    assert seen.data("stats-data") == expected
    rows = [row for row in seen.rows if len(row) == 10 + len(expected["splits"])]
    assert len(rows) == len(expected["classes"])
    for row, one in zip(rows, expected["classes"], strict=True):
        assert row[0] == one["name"]
        assert [int(cell.replace(",", "")) for cell in (row[1], row[3])] == [one["objects"], one["images"]]
        assert [int(cell.replace(",", "")) for cell in row[4 : 4 + len(expected["splits"])]] == list(
            one["splits"].values()
        )
        assert row[-6] == f"{one['boxes']['side'][3]:.0f}"
    assert f"{expected['objects']:,}" in seen.text


def test_its_findings_are_those_of_validate(tree: Any, page: Path) -> None:
    tree.add("a", [("cup", 5, 5, 5, 30), ("cup", 5, 5, 90, 30)]).add("b", [("pen", "x", 5, 20, 30)])
    tree.add("c", image=None).add("d", size=(80, 40, 3), image=noise(1), extension=".png")
    result = annotools.report(tree.root, page, quick=True)
    expected = annotools.validate(tree.root).issues
    seen = Page(page)
    rows = seen.data("findings-data")["rows"]
    assert sorted((row[0], row[1], row[3]) for row in rows) == sorted(
        (issue.severity, issue.rule, issue.line or 0) for issue in expected
    )
    zero = next(row for row in rows if row[1] == "box-zero-area")
    assert zero[2] == "Annotations/a.xml"
    assert zero[4:6] == ["bndbox: width is 0 (xmax is 5)", "more than 0 pixels"]
    assert zero[6] == int((seen.all("article", **{"data-id": "a"})[0]["id"] or "").removeprefix("picture-"))
    assert "annotools fix SOURCE OUTPUT --fix drop-zero-area" in seen.text
    assert "claimed 80x40, true 60x40" in seen.text
    assert result.findings["error"] == sum(issue.severity == "error" for issue in expected)


def test_boxes_are_the_numbers_of_the_file(tree: Any, make_xml: Any, page: Path) -> None:
    objects = [("cup", 1.25, 2, 30, 35.5), ("pen", 30, 35, 5, 6), ("pen", "nan", 1, 2, 3)]
    xml = make_xml("a.jpg", objects).replace(b"<difficult>0", b"<difficult>1", 1)
    tree.add("a", xml=xml)
    annotools.report(tree.root, page)
    boxes = [one for one in Page(page).all("path") if (one.get("class") or "").startswith("box")]
    assert [box["d"] for box in boxes] == ["M1.25 2H30V35.5H1.25Z", "M30 35H5V6H30Z"]
    assert [box["class"] for box in boxes] == ["box hard", "box"]
    assert [box["data-line"] for box in boxes] == ["7", "17"]


def test_pairs_of_pictures_stand_side_by_side(tree: Any, page: Path) -> None:
    for number in range(3):
        tree.add(f"img{number}", image=noise(number), extension=".png")
    tree.add("twin", image=noise(1), extension=".png").lists(train=["img0", "img1"], test=["img2", "twin"])
    annotools.report(tree.root, page)
    seen = Page(page)
    assert "The same picture twice" in seen.text
    assert "the same bytes as JPEGImages/img1.png; this one is in test, that one in train" in seen.text
    assert len(seen.all("div", **{"class": "two"})) == 1


def test_the_same_input_gives_the_same_bytes(shop: Any, tmp_path: Path) -> None:
    code = "import annotools, sys; annotools.report(*sys.argv[1:3], workers=int(sys.argv[3]))"
    for name, workers, seed in (("one.html", "1", "0"), ("two.html", "2", "99")):
        subprocess.run(
            [sys.executable, "-c", code, str(shop.root), str(tmp_path / name), workers],
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"onmouseover=\"alert(1)", "</script><b>",
    "{{ 7*7 }}{% raw %}", "a\u202egnp", "]]>--><svg onload=alert(1)>", "javascript:alert(1)", "'; x",
)  # fmt: skip


def test_hostile_names_do_nothing(tree: Any, tmp_path: Path, page: Path) -> None:
    def escaped(name: str) -> str:
        return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    tree.root = tmp_path / "<b onclick=alert(1)>"
    objects = [(escaped(name), 5, 5, 30, 30) for name in HOSTILE]
    for number, name in enumerate(HOSTILE):
        stem = name.replace("/", "_")
        tree.add(stem, objects, image=noise(number), extension=".png", size=(90, 40, 3))
    tree.lists(**{"<i>train": [HOSTILE[1]]})
    old = tmp_path / "old"
    (old / "Annotations").mkdir(parents=True)
    for xml in (tree.root / "Annotations").iterdir():
        text = xml.read_bytes().replace(b"<xmin>5", b"<xmin>7").replace(b"pen", b"cup")
        (old / "Annotations" / xml.name).write_bytes(text)
    annotools.report(tree.root, page, against=old)

    seen = Page(page)
    assert len(seen.scripts) == 3
    assert all("alert(1)" not in text for text in seen.scripts[2:])
    assert not [
        tag for tag, _ in seen.tags if tag in {"iframe", "object", "embed", "link", "base", "b onclick"}
    ]
    for tag, attributes in seen.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for name in ("href", "src", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/webp;base64,")), (tag, value)
    assert all(attributes["src"] for attributes in seen.all("img"))
    assert len(seen.all("article")) == len(HOSTILE)
    assert "\u202e" not in seen.source
    assert {
        json.loads(one["data-splits"] or "")[0] for one in seen.all("article") if one["data-splits"] != "[]"
    } == {"<i>train"}
    titles = re.findall("<title>([^<]*)</title></path>", seen.source)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in titles
    assert "{{ 7*7 }}{% raw %}" in titles


def test_nothing_is_loaded_from_anywhere(sample_data: Path, page: Path) -> None:
    annotools.report(sample_data, page)
    source = re.sub(r"http://www\.w3\.org/2000/svg", "", page.read_text(encoding="utf-8"))
    assert "http" not in source.replace("http-equiv", "")
    assert "default-src 'none'" in source


def test_what_changed_between_two_versions(tree: Any, tmp_path: Path, page: Path) -> None:
    old = type(tree)(tmp_path / "old")
    for version in (old, tree):
        version.add("same", image=noise(1), extension=".png")
    old.add("gone", image=noise(2), extension=".png")
    tree.add("new", image=noise(3), extension=".png")
    old.add("c", [("cup", 1, 1, 20, 20), ("pen", 30, 1, 50, 20), ("cup", 1, 25, 9, 39)], image=noise(4))
    tree.add("c", [("cup", 2, 1, 20, 20), ("cup", 30, 1, 50, 20), ("pen", 40, 25, 59, 39)], image=noise(4))
    changes = annotools.report(tree.root, page, against=old.root).changes
    assert changes is not None
    assert (changes.same, changes.changed, changes.added, changes.removed) == (1, 1, ("new",), ("gone",))
    assert changes.counts == {"moved": 1, "renamed": 1, "removed": 1, "added": 1}
    assert changes.classes == () or ("cup", 2, 2) not in changes.classes
    seen = Page(page)
    assert "1 images are the same, 1 have changed, 1 came, 1 went" in seen.text
    assert "cup: 1 1 20 20 is now 2 1 20 20" in seen.text
    assert "pen is now cup" in seen.text


def test_objects_are_compared_by_place_and_name() -> None:
    def item(name: str, *box: float, **fields: Any) -> Object:
        return Object(name, Box(*box) if box else None, **fields)

    cup, pen = item("cup", 0, 0, 10, 10), item("pen", 0, 0, 10, 10)
    assert compare([cup, pen], [pen, cup]) == []
    assert [one.kind for one in compare([cup], [pen])] == ["renamed"]
    assert [one.kind for one in compare([cup], [item("cup", 0, 0, 10, 10, difficult=True)])] == ["flags"]
    assert [one.kind for one in compare([cup], [item("cup", 50, 50, 60, 60)])] == ["removed", "added"]
    assert [one.kind for one in compare([cup, cup], [cup])] == ["removed"]
    moved = compare([cup, pen], [item("cup", 0, 0, 10, 12), item("pen", 0, 0, 10, 11)])
    assert [(one.kind, one.old, one.new) for one in moved] == [("moved", 1, 1), ("moved", 0, 0)]


@pytest.mark.parametrize("form", ["pickle", "tfrecord", "zip"])
def test_every_kind_of_source(form: str, shop: Any, tmp_path: Path, page: Path) -> None:
    import shutil

    if form == "zip":
        source = Path(shutil.make_archive(str(tmp_path / "set"), "zip", shop.root))
    else:
        source = tmp_path / {"pickle": "out.pkl", "tfrecord": "out"}[form]
        annotools.convert(shop.root, source, to=form)
    result = annotools.report(source, page)
    assert (result.stats.images.found, result.pictures) == (40, 40)
    seen = Page(page)
    assert len(seen.all("article")) == 40
    assert len(seen.all("img")) >= 40


def test_a_page_has_a_size_that_opens(tree: Any, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (800, 1000, 3), np.uint8))
    assert len(cards._data_url(picture)) < 30_000
    for number in range(12):
        tree.add(f"img{number:02}", [("cup", 1 + k % 50, 1, 55, 39) for k in range(400)], image=noise(number))
    monkeypatch.setattr("annotools.view.gallery.ROOM", 400_000)
    result = annotools.report(tree.root, page, quick=True, findings=100)
    assert 0 < result.pictures < 12
    assert result.bytes < 1_500_000
    seen = Page(page)
    assert "no more fit in 0.4 MB" in seen.text
    assert "100 not drawn" in seen.text
    assert len(seen.data("findings-data")["rows"]) == 100


def test_pictures_and_findings_can_be_fewer(shop: Any, page: Path) -> None:
    assert annotools.report(shop.root, page, pictures=5).pictures == 5
    some = [one["data-id"] for one in Page(page).all("article")]
    annotools.report(shop.root, page, pictures=5, seed=1)
    assert some != [one["data-id"] for one in Page(page).all("article")]
    assert annotools.report(shop.root, page, pictures=0).pictures == 0


def test_faulty_data_never_raises(tree: Any, page: Path) -> None:
    tree.add("a", xml=b"<annotation>").add("b", xml=None).add("c", image=b"nothing").add(
        "d", [("", 1, 2, 3, 4)]
    )
    tree.add("e", [("cup", "inf", 1, 2, -1e300)])
    assert main(["report", str(tree.root), "-o", str(page), "--quiet"]) == 0
    assert len(Page(page).all("article")) == 5


@pytest.mark.parametrize(
    ("message", "found", "expected"),
    [
        ("bndbox: width is 0, expected more than 0", "bndbox: width is 0", "more than 0"),
        ("not XML (found '<', expected '>')", "not XML: '<'", "'>'"),
        ("not XML (expected '>')", "not XML", "'>'"),
        ("image: the same bytes as a", "image: the same bytes as a", ""),
    ],
)
def test_messages_have_two_halves(message: str, found: str, expected: str) -> None:
    assert split_message(message) == (found, expected)
