"""The sample data is what its README says, its boxes are tight, and its script draws it again."""

from __future__ import annotations

import importlib
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from PIL import Image

import annotools

SAMPLE = Path(__file__).parents[2] / "sample_data"
CLASSES = ("clothes", "pants", "shoes", "watch", "phone", "audio", "computer", "books")
TAGS = ("xmin", "ymin", "xmax", "ymax")
XML_FILES = sorted((SAMPLE / "Annotations").glob("*.xml"))


@dataclass(frozen=True)
class Item:
    name: str
    box: tuple[int, ...]
    truncated: bool
    difficult: bool


def text(element: ET.Element, path: str) -> str:
    found = element.findtext(path)
    assert found is not None, path
    return found


def objects(xml: Path) -> list[Item]:
    return [
        Item(
            text(node, "name"),
            tuple(int(text(node, f"bndbox/{tag}")) for tag in TAGS),
            text(node, "truncated") == "1",
            text(node, "difficult") == "1",
        )
        for node in ET.parse(xml).getroot().iter("object")
    ]


def stems(split: str) -> list[str]:
    return (SAMPLE / "ImageSets" / "Main" / f"{split}.txt").read_text(encoding="utf-8").split()


@pytest.fixture(scope="module")
def make() -> Iterator[Any]:
    """sample_data/make.py as a module; it imports its neighbours by their plain names."""
    before = set(sys.modules)
    sys.path.insert(0, str(SAMPLE))
    try:
        yield importlib.import_module("make")
    finally:
        sys.path.remove(str(SAMPLE))
        for name in set(sys.modules) - before:
            origin = getattr(sys.modules[name], "__file__", None)
            if origin and Path(origin).parent == SAMPLE:
                del sys.modules[name]


@pytest.mark.parametrize("xml", XML_FILES, ids=lambda path: path.stem)
def test_annotation_fits_its_image(xml: Path) -> None:
    root = ET.parse(xml).getroot()
    path = SAMPLE / "JPEGImages" / text(root, "filename")
    assert path.stem == xml.stem
    with Image.open(path) as image:
        assert image.format == {".jpg": "JPEG", ".png": "PNG"}[path.suffix]
        width, height = image.size
        assert (text(root, "size/width"), text(root, "size/height")) == (str(width), str(height))
        assert (text(root, "size/depth"), image.mode) == ("3", "RGB")
    for item in objects(xml):
        xmin, ymin, xmax, ymax = item.box
        assert 0 <= xmin < xmax <= width, item
        assert 0 <= ymin < ymax <= height, item
        assert (xmax - xmin) * (ymax - ymin) >= 200, item
        if item.truncated:
            assert xmin == 0 or ymin == 0 or xmax == width or ymax == height, item


def test_lists_name_every_image_once() -> None:
    listed = [stem for split in ("train", "val", "test") for stem in stems(split)]
    assert sorted(listed) == sorted(path.stem for path in XML_FILES)
    assert sorted(listed) == sorted(path.stem for path in (SAMPLE / "JPEGImages").iterdir())
    assert len(listed) == 24


def test_classes() -> None:
    assert (SAMPLE / "classes.txt").read_text(encoding="utf-8").split() == list(CLASSES)
    for split, least in (("train", 5), ("val", 2)):
        counts = Counter(
            item.name for stem in stems(split) for item in objects(SAMPLE / "Annotations" / f"{stem}.xml")
        )
        assert set(counts) == set(CLASSES), split
        assert min(counts.values()) >= least, (split, counts)


def test_holds_the_cases_of_its_readme() -> None:
    everything = {path.stem: objects(path) for path in XML_FILES}
    items = [item for found in everything.values() for item in found]
    assert [stem for stem, found in everything.items() if not found] == ["shelf-009"]
    assert sum(item.truncated for item in items) >= 4
    assert sum(item.difficult for item in items) >= 4
    assert [stem for stem in everything if not stem.isascii()] == ["棚-012"]
    assert [path.stem for path in (SAMPLE / "JPEGImages").glob("*.png")] == ["shelf-008"]
    assert f" {len(items)} annotated products" in (SAMPLE / "README.md").read_text(encoding="utf-8")
    assert sum(path.stat().st_size for path in (SAMPLE / "JPEGImages").iterdir()) < 700_000


@pytest.mark.parametrize("stem", ["shelf-003", "shelf-007", "shelf-011", "shelf-014"])
def test_boxes_enclose_what_each_product_changes_in_the_picture(make: Any, stem: str) -> None:
    """Not the masks but the pixels decide: those that change when the product alone is left out."""
    scene = next(scene for scene in make.SCENES if scene.stem == stem)
    full = np.asarray(make.draw(scene, 2, shadows=False).image, np.int16)
    found = objects(SAMPLE / "Annotations" / f"{stem}.xml")
    for i, item in enumerate(found):
        bare = np.asarray(make.draw(scene, 2, shadows=False, without={i}).image, np.int16)
        ys, xs = np.nonzero(np.abs(full - bare).max(axis=2) > 12)
        box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        assert np.abs(np.subtract(box, item.box)).max() <= 2, (i, item, box)


def test_every_product_of_a_scene_is_annotated(make: Any) -> None:
    for scene in make.SCENES:
        words = [word for row in scene.rows for word in row.words.split()]
        assert len(objects(SAMPLE / "Annotations" / f"{scene.stem}.xml")) == len(words), scene.stem


def test_script_draws_the_committed_files_again(make: Any, tmp_path: Path) -> None:
    """A portrait, the PNG, the negative, the name that is not ASCII, and one that the border cuts."""
    chosen = ("shelf-006", "shelf-008", "shelf-009", "shelf-011", "棚-012")
    make.main(tmp_path, [scene for scene in make.SCENES if scene.stem in chosen])
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert {path.stem for path in made} == {*chosen, "train", "val", "test", "classes"}
    exact = PIL.__version__ == make.MADE_WITH_PILLOW
    for name in made:
        if name.suffix in (".jpg", ".png"):
            new, old = (np.asarray(Image.open(folder / name), np.int16) for folder in (tmp_path, SAMPLE))
            # Another Pillow brings another libjpeg and other rounding; the picture must still be the same.
            assert np.abs(new - old).mean() <= (0 if exact else 3), name
        elif name.parent.name == "Main":
            kept = [stem for stem in stems(name.stem) if stem in chosen]
            assert (tmp_path / name).read_text(encoding="utf-8").split() == kept, name
        elif name.suffix == ".txt" or exact:
            assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name
        else:
            for new_item, old_item in zip(objects(tmp_path / name), objects(SAMPLE / name), strict=True):
                assert new_item.name == old_item.name, name
                assert np.abs(np.subtract(new_item.box, old_item.box)).max() <= 2, name


def test_converts_without_a_single_remark(tmp_path: Path) -> None:
    result = annotools.convert(SAMPLE, tmp_path / "out", to="tfrecord", classes=SAMPLE / "classes.txt")
    ledger = result.ledger.as_dict()
    assert (ledger["images"]["found"], ledger["images"]["written"]) == (24, 24)
    assert (ledger["objects"]["found"], ledger["objects"]["written"]) == (130, 130)
    assert result.issues == ()


@pytest.fixture(scope="module")
def many(make: Any) -> Any:
    """sample_data/many.py, beside make.py."""
    return importlib.import_module("many")


def test_many_scenes_are_the_same_each_time_and_convert(many: Any, make: Any, tmp_path: Path) -> None:
    scenes = many.scenes(7)
    assert [scene.split for scene in scenes] == ["train"] * 5 + ["val", "test"]
    for scene, same in zip(scenes[:5], many.scenes(40), strict=False):  # a larger set begins with the same
        assert (scene.stem, scene.rows, scene.tilt) == (same.stem, same.rows, same.tilt)
    for folder in ("a", "b"):
        make.prepare(tmp_path / folder, scenes)
        for scene in scenes[-4:]:
            make.write(tmp_path / folder, scene, scale=1)
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")]
    assert len(files) == 4 * 2 + 3 + 1
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    for split, names in (("train", 5), ("val", 1), ("test", 1)):
        assert len((tmp_path / f"a/ImageSets/Main/{split}.txt").read_text().split()) == names
    words = [word for scene in scenes[-4:] for row in scene.rows for word in row.words.split()]
    clutter = [word for word in words if word.lstrip("+").split("*")[0].split("@")[0] in many.CLUTTER]
    found = [item for path in (tmp_path / "a" / "Annotations").iterdir() for item in objects(path)]
    assert found
    assert {item.name for item in found} <= set(CLASSES)
    assert len(found) <= len(words) - len(clutter)


def test_the_test_split_looks_different(many: Any) -> None:
    """Each split's hues are its own part of the circle."""
    (train, _), (val, _), (test, lean) = (many.LOOKS[split] for split in ("train", "val", "test"))
    assert train == val
    assert train[1] <= test[0]
    assert lean > many.LOOKS["train"][1]
