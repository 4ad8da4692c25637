"""`annotools show`: what is on a sheet, looked up pixel by pixel."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import annotools
from annotools import AnnotoolsError
from annotools.cli import main
from annotools.view import fonts
from annotools.view.palette import PALETTE, PROBLEM, rgb

GRAY = (120, 130, 140)
NAMES = ("cup", "pen", "watch")


def plain(width: int, height: int, color: tuple[int, int, int] = GRAY, **save: Any) -> bytes:
    output = BytesIO()
    Image.new("RGB", (width, height), color).save(output, "PNG", **save)
    return output.getvalue()


def pixels(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def area_of(sheet: Any, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """The smallest box around all pixels of a colour."""
    rows, columns = np.nonzero((sheet == color).all(axis=-1))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def has(sheet: Any, color: str | tuple[int, int, int]) -> bool:
    return bool((sheet == (rgb(color) if isinstance(color, str) else color)).all(axis=-1).any())


def with_flag(xml: bytes, flag: str) -> bytes:
    return xml.replace(b"<bndbox>", f"<{flag}>1</{flag}>\n\t\t<bndbox>".encode())


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "sheet.png"


@pytest.mark.parametrize("form", ["xml", "pickle", "tfrecord", "detections"])
@pytest.mark.parametrize(("side", "tile"), [(100, 320), (640, 320), (4000, 1000)])
def test_colours_stand_at_the_edges_of_the_boxes(
    form: str, side: int, tile: int, tree: Any, tmp_path: Path, sheet: Path
) -> None:
    width, height = side, side * 3 // 4
    boxes = {
        name: [round(share * side) for share in edges]
        for name, edges in {
            "cup": (0.1, 0.2, 0.3, 0.5),
            "pen": (0.45, 0.4, 0.95, 0.7),
            "watch": (0.4, 0.2, 0.6, 0.3),
        }.items()
    }
    objects = [(name, *box) for name, box in boxes.items()]
    tree.add("a", objects, image=plain(width, height), extension=".png", size=(width, height, 3))
    source: Path = tree.root
    options: dict[str, Any] = {}
    if form in ("pickle", "tfrecord"):
        source = tmp_path / {"pickle": "out.pkl", "tfrecord": "out"}[form]
        annotools.convert(tree.root, source, to=form)
    elif form == "detections":
        found = [
            {"image_id": "a", "category_id": NAMES.index(name) + 1, "score": 0.9,
             "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]]}
            for name, box in boxes.items()
        ]  # fmt: skip
        options["detections"] = tmp_path / "found.json"
        options["detections"].write_text(json.dumps(found))
        tree.add("a", [("cup", 1, 1, 2, 2), ("pen", 2, 2, 3, 3), ("watch", 3, 3, 4, 4)],
                 image=plain(width, height), extension=".png", size=(width, height, 3))  # fmt: skip
    annotools.show(source, sheet, tile=tile, **options)

    seen = pixels(sheet)
    left, top, right, bottom = area_of(seen, GRAY)
    assert right - left == pytest.approx(tile, abs=1)
    assert bottom - top == pytest.approx(tile * 3 / 4, abs=1)
    scale = tile / side
    for number, name in enumerate(NAMES):
        x0, y0, x1, y1 = (edge * scale for edge in boxes[name])
        middle_x, middle_y = left + round((x0 + x1) / 2), top + round((y0 + y1) / 2)
        # at three quarters of a side no name stands in the way
        low_x, low_y = left + round(x0 + (x1 - x0) * 0.75), top + round(y0 + (y1 - y0) * 0.75)
        for x, y, way in (
            (left + round(x0), low_y, (1, 0)),
            (left + round(x1), low_y, (-1, 0)),
            (low_x, top + round(y1), (0, -1)),
        ):
            assert tuple(seen[y, x]) == rgb(PALETTE[number]), (name, x, y)
            apart = 2 * max(2, round(tile / 110))
            assert tuple(seen[y + way[1] * apart, x + way[0] * apart]) == GRAY, (name, "inside")
        assert tuple(seen[middle_y, middle_x]) == GRAY


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp"])
def test_the_suffix_gives_the_format(suffix: str, tree: Any, tmp_path: Path) -> None:
    tree.add("a")
    result = annotools.show(tree.root, tmp_path / f"sheet{suffix}")
    with Image.open(result.path) as picture:
        assert picture.format == {".png": "PNG", ".webp": "WEBP"}.get(suffix, "JPEG")
        assert picture.size == result.size
        assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - rgb(PALETTE[0])).sum(-1).min() < 60


def test_flags_and_problems_are_visible(tree: Any, make_xml: Any, sheet: Path) -> None:
    def drawn(xml: bytes) -> Any:
        tree.add("a", image=plain(60, 40), extension=".png", xml=xml)
        annotools.show(tree.root, sheet)
        return pixels(sheet)

    box = ("cup", 10, 10, 50, 35)
    simple = drawn(make_xml("a.png", [box]))
    left, top, _, _ = area_of(simple, GRAY)
    scale = 320 / 60
    bottom, edge = top + round(35 * scale), rgb(PALETTE[0])
    inner = slice(left + round(12 * scale), left + round(48 * scale))
    assert (simple[bottom, inner] == edge).all()
    assert not has(simple, PROBLEM)

    difficult = drawn(make_xml("a.png", [box]).replace(b"<difficult>0", b"<difficult>1"))
    along = (difficult[bottom, inner] == edge).all(axis=-1)
    assert 0.2 < along.mean() < 0.8

    truncated = drawn(with_flag(make_xml("a.png", [box]), "truncated"))
    corner = bottom - 5, left + round(10 * scale) + 4
    assert tuple(truncated[corner]) == edge
    assert tuple(simple[corner]) == GRAY

    outside = drawn(make_xml("a.png", [("cup", 10, 10, 50, 55)]))
    assert has(outside, PROBLEM)


def test_a_sheet_of_nothing_but_trouble(tree: Any, sheet: Path) -> None:
    tree.add("a", image=None).add("b", image=b"\xff\xd8nothing").add("c", xml=b"<annotation>")
    tree.add("d", [("cup", "nan", 1, 5, 5), ("cup", -1e9, 1, 1e9, 5)]).add("e", xml=None)
    result = annotools.show(tree.root, sheet)
    assert result.images == ("a", "b", "c", "d", "e")
    assert has(pixels(sheet), PROBLEM)


def test_a_picture_is_drawn_as_its_boxes_count(tree: Any, sheet: Path) -> None:
    """EXIF: the boxes of `<size>` 40x60 are upright, those of 60x40 are in the stored frame."""
    exif = Image.Exif()
    exif[274] = 6
    picture = plain(60, 40, exif=exif.tobytes())
    for size, tall in (((40, 60, 3), True), ((60, 40, 3), False)):
        tree.add("a", [("cup", 5, 5, 30, 30)], image=picture, extension=".png", size=size)
        annotools.show(tree.root, sheet)
        left, top, right, bottom = area_of(pixels(sheet), GRAY)
        assert (bottom - top > right - left) is tall


def test_colours_follow_the_whole_source_or_the_class_file(tree: Any, tmp_path: Path, sheet: Path) -> None:
    tree.add("a", [("cup", 5, 5, 30, 30)], image=plain(60, 40), extension=".png")
    tree.add("b", [("watch", 5, 5, 30, 30)], image=plain(60, 40), extension=".png")
    annotools.show(tree.root, sheet, only="b")
    assert has(pixels(sheet), PALETTE[1])
    assert not has(pixels(sheet), PALETTE[0])
    (tmp_path / "names.txt").write_text("pen\nwatch\nball\ncup\n")
    annotools.show(tree.root, sheet, only="a", classes=tmp_path / "names.txt")
    assert has(pixels(sheet), PALETTE[3])
    assert not has(pixels(sheet), PALETTE[0])


def test_what_is_chosen(tree: Any, sheet: Path) -> None:
    for number in range(8):
        name = "cup" if number % 3 else "pen"
        box = (5, 5, 5, 9) if number == 6 else (5, 5, 30, 30)
        image = plain(60, 40, (number, 0, 0))
        tree.add(f"img{number}", [(name, *box)], image=image, extension=".png")
    tree.lists(train=["img0", "img1", "img2"], val=["img1", "img5"])

    def shown(**options: Any) -> tuple[str, ...]:
        return annotools.show(tree.root, sheet, **options).images

    every = tuple(f"img{number}" for number in range(8))
    assert shown() == every
    assert shown(count=3) == every[:3]
    assert shown(split="val") == ("img1", "img5")
    assert shown(only="pen") == ("img0", "img3", "img6")
    assert shown(only=("pen", "img1")) == ("img0", "img1", "img3", "img6")
    assert shown(problems=True) == ("img6",)
    some = shown(random=3)
    assert some == shown(random=3) == tuple(sorted(some))
    assert len({shown(random=3, seed=seed) for seed in range(6)}) > 1
    tree.add("later", image=plain(60, 40), extension=".png")
    assert set(shown(random=3)) <= {*some, "later"}
    for options in ({"only": "cap"}, {"split": "test"}, {"only": "pen", "split": "val"}):
        with pytest.raises(AnnotoolsError):
            shown(**options)


def test_the_same_input_gives_the_same_bytes(shop: Any, tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        annotools.show(shop.root, tmp_path / name, random=9, seed=4)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


HOSTILE = (
    "<script>alert(1)</script>",
    "\x1b[31mred\x07",
    "a\u202eb",
    '"]}{%x',
    "a\u0000b".replace("\u0000", ""),
)


def test_hostile_names_do_nothing(tree: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    names = [name for name in HOSTILE if "\x1b" not in name]  # XML cannot hold it
    escaped = [name.replace("&", "&amp;").replace("<", "&lt;") for name in names]
    tree.add("a\x1b[31m\u202e", [(name, 5, 5, 30, 30) for name in escaped])
    out = tmp_path / "sh\x1b[31meet.png"
    assert main(["show", str(tree.root), "-o", str(out)]) == 0
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    assert out.exists()


def test_chinese_names_are_drawn_or_spelled(
    tree: Any, sheet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.add("手机", [("苹果", 5, 5, 30, 30)])
    monkeypatch.setattr(fonts, "FILES", ())
    monkeypatch.setattr(fonts, "_CJK_PACKAGE", "no_such_package")
    monkeypatch.setenv("PATH", "")
    assert main(["show", str(tree.root), "-o", str(sheet)]) == 0
    assert "apt install fonts-noto-cjk" in capsys.readouterr().err
    poor = fonts.choose_fonts(["苹果"])
    assert poor.spelled("苹果 a") == "\\u82f9\\u679c a"
    spelled = sheet.read_bytes()
    monkeypatch.undo()
    rich = fonts.choose_fonts(["苹果"])
    if rich.advice is not None:
        pytest.skip("no font with Chinese characters on this machine")
    assert rich.spelled("苹果") == "苹果"
    assert annotools.show(tree.root, sheet).notes == ()
    assert sheet.read_bytes() != spelled


def test_before_and_after(shop: Any, sheet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["show", str(shop.root), "-o", str(sheet), "--augment"]
    assert main([*command, "ssd|cutout", "--only", "img003", "--only", "img007", "--epoch", "1"]) == 0
    width = pixels(sheet).shape[1]
    assert main(["show", str(shop.root), "-o", str(sheet), "--only", "img003"]) == 0
    assert width > 1.9 * pixels(sheet).shape[1]
    capsys.readouterr()
    assert main([*command, "flip"]) == 2
    assert "ssd" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("output", "options", "said"),
    [
        ("sheet.gif", [], ".png"),
        ("sheet", [], ".png"),
        ("taken/sheet.png", [], "taken"),
        ("sheet.png", ["--font", __file__], "not a font"),
        ("sheet.webp", ["--tile", "17000"], "too large"),
    ],
)
def test_what_cannot_be(
    output: str, options: list[str], said: str, tree: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.add("a")
    (tmp_path / "taken").write_text("a file")
    assert main(["show", str(tree.root), "-o", str(tmp_path / output), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / output).exists()
