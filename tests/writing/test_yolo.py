"""`--to yolo`, read as Ultralytics reads such a folder, by code that knows nothing of annotools."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from plain_xml import plain_reading
from tampering import rules

import annotools
from annotools.records import Edges

Rows = list[tuple[str, Edges]]


def read_yolo(folder: Path, key: str) -> dict[str, Rows]:
    """(name, edges in pixels) of each object by image name.

    The label file of an image is found as Ultralytics does it: the last /images/ of the path is /labels/.
    """
    yaml = pytest.importorskip("yaml")
    from PIL import Image

    said = yaml.safe_load((folder / "data.yaml").read_text(encoding="utf-8"))
    assert said["nc"] == len(said["names"])
    found = {}
    for path in sorted((folder / said[key]).rglob("*.*")):
        with Image.open(path) as image:
            width, height = image.size
            assert image.getexif().get(0x0112, 1) == 1
        sep = os.sep
        label = f"{sep}labels{sep}".join(str(path).rsplit(f"{sep}images{sep}", 1)).rsplit(".", 1)[0] + ".txt"
        rows = []
        for line in Path(label).read_text().splitlines():
            number, *shares = line.split()
            x, y, w, h = map(float, shares)
            assert all(0 <= share <= 1 for share in (x, y, w, h))
            edges = (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height
            rows.append((said["names"][int(number)], edges))
        found[path.stem] = rows
    return found


def compare(found: dict[str, Rows], expected: dict[str, Rows]) -> None:
    assert set(found) == set(expected)
    for stem, rows in expected.items():
        assert [name for name, _ in found[stem]] == [name for name, _ in rows]
        for (_, one), (_, other) in zip(found[stem], rows, strict=True):
            assert one == pytest.approx(other, abs=1e-9)


def test_an_independent_reader_gives_the_boxes_of_the_xml(sample_data: Path, tmp_path: Path) -> None:
    result = annotools.convert(sample_data, tmp_path / "out", to="yolo", split="train=1.0")
    expected = plain_reading(sample_data)
    compare(
        read_yolo(tmp_path / "out", "train"),
        {stem: [one[:2] for one in rows] for stem, rows in expected.items()},
    )
    hard = sum(one[2] for rows in expected.values() for one in rows)
    assert hard
    assert result.manifest["not_written"]["difficult"] == hard


def test_a_real_set(microcontrollers: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = annotools.convert(microcontrollers, out, to="yolo", on_error="skip", split="train=0.8,val=0.2")
    assert annotools.verify(out, against=microcontrollers).ok
    found = read_yolo(out, "train") | read_yolo(out, "val")
    assert len(found) == result.ledger.images.written
    assert sum(map(len, found.values())) == result.ledger.objects.written
    expected = plain_reading(microcontrollers)
    compare(found, {stem: [one[:2] for one in expected[stem]] for stem in found})


def test_the_layout(tree: Any, tmp_path: Path) -> None:
    tree.add("a", [("it's", 15, 10, 30, 30)]).add("b", []).add("棚", [("杯\u202e", 0, 0, 60, 40)])
    tree.lists(train=["a", "b"], valid=["棚"])
    out = tmp_path / "out"
    annotools.convert(tree.root, out, to="yolo")
    assert (out / "labels" / "train" / "a.txt").read_text() == "0 0.375 0.5 0.25 0.5\n"
    assert (out / "labels" / "train" / "b.txt").read_bytes() == b""
    assert (out / "labels" / "valid" / "棚.txt").read_text() == "1 0.5 0.5 1.0 1.0\n"
    assert (out / "images" / "train" / "a.jpg").read_bytes() == (
        tree.root / "JPEGImages" / "a.jpg"
    ).read_bytes()
    assert set(read_yolo(out, "val")) == {"棚"}
    classes = annotools.ClassMap.from_file(out / "data.yaml")
    assert classes.names == ("it's", "杯\u202e")
    assert annotools.verify(out, against=tree.root).ok


def test_images_of_one_stem_keep_their_labels(
    tree: Any, make_picture: Any, make_xml: Any, tmp_path: Path
) -> None:
    for split, name in (("train", "cup"), ("val", "pen")):
        folder = tree.root / split
        folder.mkdir(parents=True)
        (folder / "a.jpg").write_bytes(make_picture(comment=split.encode()))
        (folder / "a.xml").write_bytes(make_xml("a.jpg", [(name, 1, 2, 30, 31)]))
    out = tmp_path / "out"
    annotools.convert(tree.root, out, to="yolo", split="train,val")
    assert [rows[0][0] for key in ("train", "val") for rows in read_yolo(out, key).values()] == ["cup", "pen"]
    assert annotools.verify(out, against=tree.root).ok


def test_a_turned_image_is_written_upright(tree: Any, make_picture: Any, tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    tree.add("turned", [("cup", 10, 15, 30, 45)], image=make_picture(exif=exif), size=(40, 60, 3))
    annotools.convert(tree.root, tmp_path / "out", to="yolo")
    compare(read_yolo(tmp_path / "out", "train"), {"turned": [("cup", (10, 15, 30, 45))]})


def test_a_gif_is_left_out_or_encoded_anew(tree: Any, make_picture: Any, tmp_path: Path) -> None:
    tree.add("a").add("g", image=make_picture(fmt="GIF"), extension=".gif")
    left = annotools.convert(tree.root, tmp_path / "left", to="yolo", on_error="skip")
    assert left.ledger.images.written == 1
    anew = annotools.convert(tree.root, tmp_path / "anew", to="yolo", image_format="png")
    assert anew.ledger.images.written == 2
    assert set(read_yolo(tmp_path / "anew", "train")) == {"a", "g"}


def test_a_second_run_changes_what_has_changed(tree: Any, tmp_path: Path, snapshot: Any) -> None:
    tree.add("a").add("b").lists(train=["a", "b"])
    out = tmp_path / "out"
    annotools.convert(tree.root, out, to="yolo")
    tree.add("c").lists(train=["a", "c"])
    annotools.convert(tree.root, out, to="yolo")
    annotools.convert(tree.root, tmp_path / "fresh", to="yolo")
    first, second = snapshot(out), snapshot(tmp_path / "fresh")
    assert {name for name in first if ".annotools" not in name} == {
        n for n in second if ".annotools" not in n
    }
    assert annotools.verify(out, against=tree.root).ok


@pytest.mark.parametrize(
    ("name", "data", "rule"),
    [
        ("labels/train/a.txt", b"0 0.5 0.5 0.25 0.26\n", "shard-sha256"),
        ("labels/train/a.txt", b"7 0.5 0.5 0.25 0.25\n", "label"),
        ("labels/train/a.txt", b"0 0.9 0.5 0.25 0.25\n", "box"),
        ("labels/train/a.txt", b"0 0.5 0.5 0.25\n", "undecodable"),
        ("labels/train/a.txt", b"0 0.5 0.5 0.25 0.25", "undecodable"),
        ("labels/train/a.txt", None, "shard-missing"),
        ("images/train/a.jpg", b"\xff\xd8", "image-unreadable"),
        ("images/train/a.jpg", b"\xff\xd8", "image-sha256"),
        ("labels/train/x.txt", b"", "shard-unlisted"),
        ("data.yaml", b"names: [hat]\n", "data-yaml"),
        ("train.sha256", b"no sum\n", "undecodable"),
        ("train.sha256", b"0" * 64 + b"  images/../../a\n", "undecodable"),
    ],
)
def test_verify_sees_what_was_changed(
    name: str, data: bytes | None, rule: str, tree: Any, tmp_path: Path
) -> None:
    tree.add("a").add("b")
    out = tmp_path / "out"
    annotools.convert(tree.root, out, to="yolo")
    if data is None:
        (out / name).unlink()
    else:
        (out / name).write_bytes(data)
    assert rule in rules(annotools.verify(out))
