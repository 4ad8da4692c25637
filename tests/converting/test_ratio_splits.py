"""Splits by ratio over a source: copies stay together, and a split that got nothing is said."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from small_sources import put

import annotools
from annotools.conversion.copies import copies
from annotools.conversion.related import find_families
from annotools.conversion.splits import RatioSplit
from annotools.formats import tfrecord
from annotools.issues import DataError
from annotools.sources.source import open_source

RATIOS = "train=0.5,val=0.3,test=0.2"


def places(output: Path) -> dict[str, str]:
    return {
        example.source_id.removesuffix(".jpg"): split
        for split in ("train", "val", "test")
        for example in (tfrecord.read(output, split=split) if any(output.glob(f"{split}-*")) else ())
    }


@pytest.fixture
def shop(make_tree: Any, tmp_path: Path) -> Any:
    """Twelve pictures, each with two copies under other names, which a split would part by chance."""
    from PIL import Image

    tree = make_tree(tmp_path / "shop")
    for number in range(12):
        picture = tmp_path / "picture.png"
        Image.new("RGB", (60, 40), (number * 20, 3, 200 - number)).save(picture)
        for name in (f"{number:02d}", f"x{number}", f"{number}_copy"):
            tree.add(name, image=picture.read_bytes())
    return tree


@pytest.mark.parametrize("seed", [0, 1, 2, "auto"])
def test_copies_stay_together(shop: Any, tmp_path: Path, seed: int | str) -> None:
    result = annotools.convert(shop.root, tmp_path / "out", to="tfrecord", split=RATIOS, seed=seed)
    found = places(tmp_path / "out")
    assert len(found) == 36
    assert len(set(found.values())) > 1
    for number in range(12):
        assert found[f"{number:02d}"] == found[f"x{number}"] == found[f"{number}_copy"]
    assert "leak-between-splits" not in result.counts
    assert not annotools.verify(tmp_path / "out", against=shop.root).faults


def test_groups_that_share_a_copy_are_one(shop: Any, tmp_path: Path) -> None:
    for number in range(11):  # a chain: the copies of one are in the group of the next
        (shop.root / f"JPEGImages/{number}_copy.jpg").write_bytes(
            (shop.root / f"JPEGImages/{number + 1:02d}.jpg").read_bytes()
        )
    result = annotools.convert(
        shop.root, tmp_path / "out", to="tfrecord", split=RATIOS, group_by=r"^x?0?(\d+)"
    )
    assert len(set(places(tmp_path / "out").values())) == 1
    (issue,) = (issue for issue in result.issues if issue.rule == "split-empty")
    assert issue.message.endswith("got no image: 36 images are 1 group, which stay together")


def test_images_of_equal_size_that_differ_are_no_copies(tmp_path: Path) -> None:
    for name, data in {"a": b"1" * 70_000, "b": b"1" * 69_999 + b"2", "c": b"1" * 70_000, "d": b"3"}.items():
        put(tmp_path / f"{name}.jpg", data)
        put(tmp_path / f"{name}.xml", b"<annotation/>")
    put(tmp_path / "lone.jpg", b"3")
    assert list(copies(open_source(tmp_path))) == [["a", "c"]]


def test_an_annotation_that_changed_though_its_size_and_time_did_not(make_tree: Any, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "set").add("a").add("b")
    out = tmp_path / "out"
    for xmin in (5, 9):
        path = tree.root / "Annotations/a.xml"
        path.write_bytes(path.read_bytes().replace(b"<xmin>5<", b"<xmin>%d<" % xmin))
        for file in tree.root.rglob("*"):
            os.utime(file, (315532800, 315532800))
        annotools.convert(tree.root, out, to="tfrecord")
        (example,) = (one for one in tfrecord.read(out) if one.source_id == "a.jpg")
        assert round(example.boxes[0][0]) == xmin
    assert not annotools.verify(out, against=tree.root).faults
    assert annotools.convert(tree.root, out, to="tfrecord").reused == 1
    shutil.rmtree(out)


FAMILIES = {
    "copies": [f"{n:04d}{way}" for n in range(12) for way in ("", "_1", "_aug3", "_flip", "_rot90")],
    "numbers": [f"img_{n}{way}" for n in range(1, 9) for way in ("", "_1", "_2")],
    "windows": [f"{n:03d}{way}" for n in range(9) for way in ("", " (1)", " - Copy")],
    "frames": [f"clip{n}_{frame:04d}" for n in range(8) for frame in range(5)],
    "videos": [f"video_{n}/frame{frame:03d}" for n in range(6) for frame in range(4)],
}


@pytest.mark.parametrize("kind", FAMILIES)
def test_copies_and_frames_by_name_get_a_regex_that_keeps_them_together(tmp_path: Path, kind: str) -> None:
    for name in FAMILIES[kind]:
        put(tmp_path / "set" / f"{name}.xml", b"<annotation><object><name>cup</name></object></annotation>")
        put(tmp_path / "set" / f"{name}.jpg", name.encode())
    options: dict[str, Any] = {"to": "tfrecord", "split": RATIOS, "on_error": "skip", "dry_run": True}

    def warnings(**more: Any) -> list[str]:
        with pytest.raises(DataError) as caught:  # the pictures are none; the split is what is looked at
            annotools.convert(tmp_path / "set", tmp_path / "out", **options, **more)
        return [one.message for one in caught.value.issues if one.rule == "leak-between-splits"]

    (message,) = warnings()
    regex = shlex.split(message)[shlex.split(message).index("--group-by") + 1]
    assert warnings(group_by=regex) == []
    ids = sorted(pair.id for pair in open_source(tmp_path / "set").pairs())
    found = find_families(ids)
    assert found is not None
    group = RatioSplit((("a", 0.5), ("b", 0.5)), group_by=re.compile(regex)).group
    assert all(len(set(map(group, family))) == 1 for family in found[1])
    assert len(set(map(group, ids))) == len(found[1])


@pytest.mark.parametrize(
    "ids",
    [
        [f"BloodImage_{n:05d}" for n in range(50)],
        [f"{year}_{n:06d}" for year in (2007, 2008) for n in range(40)],
        [f"IMG_2019{n:04d}_1" for n in range(30)],
        ["cat", "cat_2"],
        [f"frame_{n:04d}" for n in range(40)],
    ],
)
def test_numbers_alone_are_no_family(ids: list[str]) -> None:
    assert find_families(sorted(ids)) is None
