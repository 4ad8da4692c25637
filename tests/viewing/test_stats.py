"""`annotools stats`: every figure against loops over xml.etree and Pillow, and data that is not in order."""

from __future__ import annotations

import json
import math
import re
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from PIL import Image

import annotools
from annotools import AnnotoolsError, schema
from annotools.cli import main

PERCENTS = (0, 5, 25, 50, 75, 95, 100)


def percentiles(values: list[float]) -> list[float] | None:
    """Linear between the two nearest."""
    if not values:
        return None
    ordered, result = sorted(values), []
    for percent in PERCENTS:
        place = (len(ordered) - 1) * percent / 100
        low = math.floor(place)
        high = min(low + 1, len(ordered) - 1)
        result.append(ordered[low] + (ordered[high] - ordered[low]) * (place - low))
    return result


def size_counts(areas: list[float]) -> dict[str, int]:
    names = ["small" if area < 1024 else "medium" if area < 9216 else "large" for area in areas]
    return {name: names.count(name) for name in ("small", "medium", "large")}


def box_figures(rows: list[Any], image_size: tuple[int, int]) -> dict[str, Any]:
    """rows: (box, (W, H))."""
    figures: dict[str, Any] = {"measured": len(rows)}
    width = [box[2] - box[0] for box, _ in rows]
    height = [box[3] - box[1] for box, _ in rows]
    pairs = list(zip(width, height, strict=True))
    figures |= {"width": percentiles(width), "height": percentiles(height)}
    figures["side"] = percentiles([math.sqrt(w * h) for w, h in pairs])
    figures["relative_side"] = percentiles(
        [math.sqrt(w * h / (size[0] * size[1])) for (w, h), (_, size) in zip(pairs, rows, strict=True)]
    )
    figures["aspect"] = percentiles([w / h for w, h in pairs])
    histogram = [0] * 18
    for w, h in pairs:
        histogram[min(max(math.floor(math.log2(w / h) / 0.5) + 9, 0), 17)] += 1
    figures["aspect_histogram"] = histogram
    figures["original"] = size_counts([w * h for w, h in pairs])
    figures["training"] = size_counts(
        [
            (w / size[0] * image_size[1]) * (h / size[1] * image_size[0])
            for (w, h), (_, size) in zip(pairs, rows, strict=True)
        ]
    )
    figures["touching"] = sum(
        box[0] <= 1 or box[1] <= 1 or box[2] >= size[0] - 1 or box[3] >= size[1] - 1 for box, size in rows
    )
    centres = [[0] * 16 for _ in range(16)]
    for box, size in rows:
        column = min(15, int((box[0] + box[2]) / 2 / size[0] * 16))
        centres[min(15, int((box[1] + box[3]) / 2 / size[1] * 16))][column] += 1
    figures["centres"] = centres
    return figures


def iou(a: Any, b: Any) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(0.0, width) * max(0.0, height)
    return float(common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common))


def entropy(shares: list[float]) -> float:
    return -sum(share * math.log2(share) for share in shares if share)


def read_tree(root: Path) -> tuple[list[Any], dict[str, set[str]]]:
    """[(stem, (W, H), [(name, box)])] by stem, and {split: stems}."""
    images = []
    for path in sorted((root / "Annotations").glob("*.xml")):
        with Image.open(next((root / "JPEGImages").glob(f"{path.stem}.*"))) as image:
            size = image.size
        objects = [
            (
                item.findtext("name"),
                [float(item.findtext(f"bndbox/{tag}", "")) for tag in ("xmin", "ymin", "xmax", "ymax")],
            )
            for item in ElementTree.parse(path).getroot().findall("object")
        ]
        images.append((path.stem, size, objects))
    lists = {
        path.stem: set(path.read_text().split())
        for path in (root / "ImageSets" / "Main").glob("*.txt")
        if path.stem != "trainval"
    }
    return images, lists


@pytest.mark.parametrize("image_size", [(300, 300), (200, 320)])
@pytest.mark.parametrize("name", ["bccd", "sample_data"])
def test_every_figure_equals_plain_loops(
    name: str, image_size: tuple[int, int], request: pytest.FixtureRequest
) -> None:
    root = request.getfixturevalue(name)
    root = root / "BCCD" if name == "bccd" else root
    images, lists = read_tree(root)
    report = annotools.stats(root, image_size=image_size).as_dict()

    every = [(label, box, size, stem) for stem, size, objects in images for label, box in objects]
    good = [row for row in every if row[1][0] < row[1][2] and row[1][1] < row[1][3]]
    names = sorted({row[0] for row in every})
    assert report["objects"] == len(every)
    assert report["objects_without_extent"] == len(every) - len(good)
    if name == "bccd":
        assert (len(images), len(every), len(every) - len(good)) == (364, 4888, 2)
    expected = box_figures([(row[1], row[2]) for row in good], image_size)
    check_boxes(report["boxes"], expected)

    assert [one["name"] for one in report["classes"]] == names
    for one in report["classes"]:
        own = [row for row in every if row[0] == one["name"]]
        assert one["objects"] == len(own)
        assert one["images"] == len({row[3] for row in own})
        assert one["share"] == pytest.approx(len(own) / len(every))
        assert one["splits"] == {split: sum(row[3] in stems for row in own) for split, stems in lists.items()}
        rows = [(row[1], row[2]) for row in good if row[0] == one["name"]]
        check_boxes(one["boxes"], box_figures(rows, image_size))

    counts = [len(objects) for _, _, objects in images]
    assert report["images"]["found"] == len(images)
    assert report["images"]["negative"] == counts.count(0)
    assert report["images"]["most_objects"] == max(counts)
    assert report["images"]["objects_per_image"] == pytest.approx(percentiles([float(n) for n in counts]))
    sizes = Counter(size for _, size, _ in images)
    assert {(w, h): count for w, h, count in report["images"]["sizes"]} == sizes

    same, other = 0, 0
    for _, _, objects in images:
        boxes = [(label, box) for label, box in objects if box[0] < box[2] and box[1] < box[3]]
        for place, (label, box) in enumerate(boxes):
            near = [other for at, (other, edges) in enumerate(boxes) if at != place and iou(box, edges) > 0.5]
            same += label in near
            other += any(one != label for one in near)
    assert report["crowding"] == {"same_class": same, "other_class": other}

    present = [{label for label, _ in objects} for _, _, objects in images]
    assert report["together"] == tuple(
        tuple(sum(first in one and second in one for one in present) for second in names) for first in names
    )
    shares = {}
    for split, stems in lists.items():
        inside = Counter(row[0] for row in every if row[3] in stems)
        shares[split] = [inside[label] / inside.total() for label in names]
    for pair, value in report["divergence"].items():
        first, second = (shares[split] for split in pair.split("|"))
        middle = [(a + b) / 2 for a, b in zip(first, second, strict=True)]
        assert value == pytest.approx(entropy(middle) - (entropy(first) + entropy(second)) / 2, abs=1e-12)
    assert len(report["divergence"]) == len(lists) * (len(lists) - 1) // 2


def check_boxes(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for key, value in expected.items():
        if key in ("width", "height", "side", "relative_side", "aspect"):
            assert found[key] == pytest.approx(value, rel=1e-12), key
        elif key == "centres":
            assert [list(row) for row in found[key]] == value
        else:
            assert (list(found[key]) if key == "aspect_histogram" else found[key]) == value, key


def test_every_kind_of_source_says_the_same(tree: Any, tmp_path: Path) -> None:
    tree.add("a", [("cup", 5, 6, 30, 35), ("pen", 31, 2, 55, 39)]).add("b", [("pen", 5, 6, 30, 35)]).add(
        "c", []
    )
    tree.lists(train=["a", "c"], test=["b"])
    expected = plain(annotools.stats(tree.root))
    archive = tmp_path / "voc.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in tree.root.rglob("*"):
            file.write(path, path.relative_to(tmp_path))
    assert plain(annotools.stats(archive)) == expected
    annotools.convert(tree.root, tmp_path / "tfrecord", to="tfrecord", split="train")
    annotools.convert(tree.root, tmp_path / "pickle", to="pickle", split="train")
    train = plain(annotools.stats(tree.root, split="train"))
    assert train["objects"] == 2
    assert plain(annotools.stats(tmp_path / "pickle" / "train.pkl")) == train
    records = plain(annotools.stats(tmp_path / "tfrecord", split="train"))
    for key in ("boxes", "objects", "images", "together", "crowding", "splits"):
        assert records[key] == train[key]


def plain(stats: Any) -> dict[str, Any]:
    """Without what names files and what was asked."""
    report: dict[str, Any] = stats.as_dict()
    report["images"].pop("fullest")
    return {key: value for key, value in report.items() if key not in ("source", "split", "hints")}


def test_faults_are_counted_and_end_nothing(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tree.add("a", [("cup", 5, 6, 30, 35), ("cup", 30, 6, 30, 35), ("cup", "nan", 6, 30, 35)])
    tree.add("b", xml=b"<annotation>").add("c", xml=None).add("d", image=None).add("e", image=b"no picture")
    tree.add("f", [], size=None, image=None)
    tree.add("g", xml=b"<annotation><object><name>cup</name></object></annotation>")
    images = annotools.stats(tree.root).images
    assert (images.found, images.annotated, images.negative) == (7, 4, 1)
    assert (images.without_annotation, images.lost) == (1, {"unparsable": 1})
    assert (images.without_image, images.unreadable_image) == (2, 1)
    assert (0, 0, 1) in images.sizes
    result = annotools.stats(tree.root)
    assert (result.objects, result.objects_without_box, result.objects_without_extent) == (6, 2, 1)
    assert result.boxes.measured == 3
    assert main(["stats", str(tree.root)]) == 0
    shown = capsys.readouterr().out
    assert "7 images: 4 with objects, 1 without, 1 without an annotation file" in shown
    assert "1 that cannot be read (unparsable 1)" in shown
    assert "2 annotation files have no image" in shown


def test_headers_or_the_size_that_is_claimed(tree: Any) -> None:
    tree.add("a", size=(600, 400, 3))
    assert annotools.stats(tree.root).images.sizes == ((60, 40, 1),)
    assert annotools.stats(tree.root, images="none").images.sizes == ((600, 400, 1),)


def test_an_image_of_two_splits_counts_once(tree: Any) -> None:
    tree.add("a").add("b").add("c", [("hat", 1, 1, 9, 9)]).lists(train=["a", "b"], test=["a", "c"])
    result = annotools.stats(tree.root)
    assert (result.images.found, result.objects) == (3, 3)
    assert [(one.name, one.images, one.objects, one.missing) for one in result.splits] == [
        ("train", 2, 2, ("hat",)),
        ("test", 2, 2, ()),
    ]
    assert annotools.stats(tree.root, split="train").images.found == 2


def hints(result: annotools.Stats, kind: str) -> list[tuple[str, int, str]]:
    return [(Path(one.path).stem, one.object_index, one.message) for one in result.hints if one.kind == kind]


def test_hints(tree: Any) -> None:
    for place in range(60):
        tree.add(f"m{place:02}", [("person", 10, 10, 30 + place % 3, 30)])
    tree.add("hat", [("person", 5, 5, 40, 39), ("hat", 12, 6, 20, 12), ("person", 4, 5, 41, 39)])
    tree.add("same", [("person", 5, 5, 40, 39), ("persom", 5, 5, 40, 38.5)])
    tree.add("speck", [("person", 10, 10, 11, 11)])
    result = annotools.stats(tree.root)
    assert result.hint_counts == {
        "same-box-other-class": 1,
        "inside-other-class": 1,
        "size-outlier": 1,
        "rare-name": 1,
    }
    assert hints(result, "inside-other-class") == [("hat", 1, "inside a 'person'")]
    assert hints(result, "same-box-other-class") == [("same", 1, "nearly the box of a 'person' (IoU 0.99)")]
    assert hints(result, "size-outlier") == [
        ("speck", 0, "0.04% of the image; the median 'person' has 17.50%")
    ]
    assert hints(result, "rare-name") == [("same", 1, "1 of this name; 'person' is like it")]
    # bndbox of the second object: line 4 + 10, and 3 more
    assert next(one.line for one in result.hints if one.kind == "rare-name") == 17


def test_of_many_hints_the_first_are_told(tree: Any) -> None:
    rows = [("cup", 1, 1, 50, 39), *[("pen", 2 + n / 100, 2, 20, 20) for n in range(150)]]
    result = annotools.stats(tree.add("a", rows).root)
    assert result.hint_counts["inside-other-class"] == 150
    told = hints(result, "inside-other-class")
    assert [index for _, index, _ in told] == list(range(1, 101))


def test_divergence_of_splits_that_share_nothing(tree: Any) -> None:
    tree.add("a").add("b", [("hat", 1, 1, 9, 9)]).add("c", [])
    tree.lists(train=["a"], test=["b"], val=["c"])
    assert annotools.stats(tree.root).divergence == {"train|val": None, "train|test": 1.0, "val|test": None}


@pytest.mark.parametrize("flags", [[], ["--split", "train", "--image-size", "200x320"], ["--images", "none"]])
def test_json_is_the_result(flags: list[str], sample_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", str(sample_data), *flags, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    check = jsonschema.Draft202012Validator(schema.load("stats.schema.json"))
    check.validate(report)
    assert not check.is_valid(report | {"extra": 1})
    assert not check.is_valid(report | {"objects": -1})
    options: dict[str, Any] = {"split": "train", "image_size": (200, 320)} if "--split" in flags else {}
    options |= {"images": "none"} if "--images" in flags else {}
    assert report == json.loads(json.dumps(annotools.stats(sample_data, **options).as_dict()))


def test_a_set_without_objects(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tree.add("a", []).lists(train=["a"])
    assert main(["stats", str(tree.root), "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema.load("stats.schema.json")).validate(report)
    assert report["boxes"]["side"] is None
    assert main(["stats", str(tree.root)]) == 0
    assert "0 objects of 0 classes" in capsys.readouterr().out


def test_names_from_files_do_nothing_in_a_terminal(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tree.add("a", [("a\u202eb", 5, 6, 30, 35), ("c\u009b31md", 6, 7, 28, 33)])
    assert main(["stats", str(tree.root)]) == 0
    shown = capsys.readouterr().out
    assert "a\\u202eb" in shown
    assert "c\\x9b31md" in shown
    assert all(sign.isprintable() or sign == "\n" for sign in shown)


@pytest.mark.parametrize(
    ("options", "field"),
    [({"image_size": 0}, "--image-size"), ({"anchors": 0}, "--anchors"), ({"images": "decode"}, "--images")],
    ids=str,
)
def test_options_that_make_no_sense(tree: Any, options: dict[str, Any], field: str) -> None:
    with pytest.raises(AnnotoolsError) as caught:
        annotools.stats(tree.add("a").root, **options)
    assert (caught.value.field, caught.value.exit_code) == (field, 2)


def test_what_cannot_be_counted(tmp_path: Path, tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", str(tmp_path / "absent")]) == 2
    assert main(["stats", str(tree.add("a").root), "--split", "dev"]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["stats", str(tree.root), "--image-size", "3x4x5"])
    assert "--image-size: not a size: '3x4x5'" in capsys.readouterr().err


def test_anchors_fit_the_boxes_at_the_training_size(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Images of 60x40 resized to 120x80: twice as large."""
    for place in range(6):
        wide, tall = (place % 2, 0), (0, place % 2)
        tree.add(
            f"m{place}",
            [("cup", 1, 1, 41 + wide[0], 11 + wide[1]), ("pen", 2, 2, 12 + tall[0], 32 + tall[1])],
        )
    anchors = annotools.stats(tree.root, image_size=(80, 120), anchors=2).anchors
    assert anchors is not None
    assert (anchors.count, anchors.seed, anchors.share_above_half) == (2, 0, 1.0)
    tall_one, wide_one = sorted(anchors.shapes)
    assert tall_one == pytest.approx((20, 61), abs=0.01)
    assert wide_one == pytest.approx((81, 20), abs=0.01)
    shapes = [(80, 20), (82, 20), (20, 60), (20, 62)]
    best = [
        max(min(w, a) * min(h, b) / (w * h + a * b - min(w, a) * min(h, b)) for a, b in anchors.shapes)
        for w, h in shapes
    ]
    assert anchors.mean_best_iou == pytest.approx(sum(best) / 4, abs=1e-6)
    assert main(["stats", str(tree.root), "--image-size", "80x120", "--anchors", "2"]) == 0
    assert "2 anchors at 120x80" in capsys.readouterr().out
    assert (
        main(["stats", str(tree.root), "--image-size", "80x120", "--anchors", "2", "--format", "json"]) == 0
    )
    report = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema.load("stats.schema.json")).validate(report)


def test_more_anchors_than_shapes(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", str(tree.add("a").root), "--anchors", "2"]) == 2
    assert "fewer different shapes than anchors (found 2, expected at most 1)" in capsys.readouterr().err


def test_columns_stand_below_each_other_where_letters_are_wide(
    tree: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.add("a", [("手机（大）", 5, 6, 30, 35), ("cup", 1, 2, 9, 9), ("cafe\u0301", 1, 2, 9, 9)])
    assert main(["stats", str(tree.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("class "))
    ends = set()
    for line in lines[start : start + 4]:
        before = line[: re.search(r"objects|(?<=\s)1(?=\s)", line).end()]  # type: ignore[union-attr]
        wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in before)
        ends.add(len(before) + wide - sum(map(bool, map(unicodedata.combining, before))))
    assert len(ends) == 1
