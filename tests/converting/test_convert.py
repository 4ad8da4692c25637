"""What convert promises beyond single records: determinism, splits, ids, EXIF, origin, companions."""

from __future__ import annotations

import hashlib
import json
import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import annotools
from annotools import schema
from annotools.cli import main
from annotools.formats import tfrecord
from annotools.records import Box

FORMATS = ["tfrecord", "tfds", "pickle", "ssd-pickle"]


@pytest.mark.parametrize("to", [*FORMATS, "coco", "yolo"])
def test_same_input_same_bytes_for_any_number_of_workers(
    to: str, shop: Any, tmp_path: Path, snapshot: Any
) -> None:
    for out, workers in (("a", 1), ("b", 2)):
        options: Any = {} if to in ("coco", "yolo") else {"shards": 3}
        annotools.convert(
            shop.root, tmp_path / out, to=to, workers=workers, split="train=0.7,val=0.3", **options
        )
    first = snapshot(tmp_path / "a")
    assert first == snapshot(tmp_path / "b")
    assert len(first) >= 4


@pytest.mark.parametrize("to", [*FORMATS, "coco", "yolo"])
def test_the_manifest_matches_its_schema_and_holds_no_path(to: str, shop: Any, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    annotools.convert(shop.root, tmp_path / "out", to=to)
    text = (tmp_path / "out" / "manifest.json").read_text(encoding="utf-8")
    jsonschema.validate(json.loads(text), schema.load("manifest.schema.json"))
    assert str(tmp_path) not in text


def test_every_image_is_in_exactly_one_shard(shop: Any, tmp_path: Path) -> None:
    result = annotools.convert(shop.root, tmp_path / "out", to="tfrecord", shards=4)
    files = sorted((tmp_path / "out").glob("*.tfrecord"))
    assert [f.name for f in files] == [f"train-{i:05d}-of-00004.tfrecord" for i in range(4)]
    names = [e.filename for f in files for e in tfrecord.read(f)]
    assert sorted(names) == [f"img{n:03d}.jpg" for n in range(40)]
    assert names != sorted(names)  # shuffled as they lie
    assert result.ledger.images.written == 40


def test_shards_follow_the_size_of_the_images(shop: Any, tmp_path: Path) -> None:
    total = sum(p.stat().st_size for p in (shop.root / "JPEGImages").iterdir())
    result = annotools.convert(shop.root, tmp_path / "out", to="tfrecord", shard_size=total // 3)
    assert len(result.manifest["splits"]["train"]["shards"]) == 4  # rounded up


def test_an_added_image_changes_one_shard(shop: Any, tmp_path: Path) -> None:
    before = annotools.convert(shop.root, tmp_path / "a", to="tfrecord", shards=5)
    shop.add("img999")
    after = annotools.convert(shop.root, tmp_path / "b", to="tfrecord", shards=5)
    sums = [[s["sha256"] for s in r.manifest["splits"]["train"]["shards"]] for r in (before, after)]
    assert sum(a != b for a, b in zip(*sums, strict=True)) == 1


def test_ratio_splits_do_not_move_old_images(shop: Any, tmp_path: Path) -> None:
    def membership(out: Path) -> dict[str, str]:
        return {
            e.filename: split for split in ("train", "val", "test") for e in tfrecord.read(out, split=split)
        }

    for out in ("a", "b"):
        annotools.convert(
            shop.root, tmp_path / out, to="tfrecord", split="train=0.6,val=0.2,test=0.2", seed=4
        )
        for number in range(900, 920):
            shop.add(f"img{number}")
    old, new = membership(tmp_path / "a"), membership(tmp_path / "b")
    assert len(old) == 40
    assert len(new) == 60
    assert {name: new[name] for name in old} == old


def test_the_automatic_seed_is_written_down(shop: Any, tmp_path: Path) -> None:
    first = annotools.convert(
        shop.root, tmp_path / "a", to="tfrecord", split="train=0.5,val=0.5", seed="auto"
    )
    seed = first.manifest["options"]["seed"]
    annotools.convert(shop.root, tmp_path / "b", to="tfrecord", split="train=0.5,val=0.5", seed=seed)
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()


def test_lists_decide_and_the_rest_is_counted(shop: Any, tmp_path: Path) -> None:
    shop.lists(train=["img001", "img002"], val=["img003"])
    result = annotools.convert(shop.root, tmp_path / "out", to="tfrecord")
    assert {n: s["records"] for n, s in result.manifest["splits"].items()} == {"train": 2, "val": 1}
    assert result.ledger.images.found == 40
    assert dict(result.ledger.images.lost) == {"not-in-split": 37}
    one = annotools.convert(shop.root, tmp_path / "one", to="tfrecord", split="val")
    assert list(one.manifest["splits"]) == ["val"]
    assert one.manifest["classes"] == result.manifest["classes"]  # ids agree between the two


def test_images_without_xml_are_counted(shop: Any, tmp_path: Path) -> None:
    shop.add("unlabelled", xml=None)
    result = annotools.convert(shop.root, tmp_path / "out", to="tfrecord")
    assert dict(result.ledger.images.lost) == {"annotation-missing": 1}
    assert [i.path for i in result.issues if i.rule == "annotation-missing"] == [
        str(shop.root / "JPEGImages" / "unlabelled.jpg")
    ]


def test_numeric_source_ids_are_numbers_and_unique(shop: Any, tmp_path: Path) -> None:
    annotools.convert(shop.root, tmp_path / "out", to="tfrecord", source_id="numeric", shards=2)
    ids = {e.filename: int(e.source_id) for e in tfrecord.read(tmp_path / "out")}
    assert ids == {f"img{n:03d}.jpg": n + 1 for n in range(40)}


def test_an_explicit_class_file_wins(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "c.pbtxt").write_text(
        'item { name: "books" id: 7 }\nitem { id: 2 name: "手机" }\n'
        'item { id: 3 name: "watch" }\nitem { id: 4 name: "shoes" }\n',
        encoding="utf-8",
    )
    result = annotools.convert(shop.root, tmp_path / "out", to="tfrecord", classes=tmp_path / "c.pbtxt")
    expected = {"手机": 2, "watch": 3, "shoes": 4, "books": 7}
    assert result.manifest["classes"] == expected
    assert dict(annotools.ClassMap.from_file(tmp_path / "out" / "label_map.pbtxt").ids) == expected
    pairs = {(n, i) for e in tfrecord.read(tmp_path / "out") for n, i in zip(e.names, e.labels, strict=True)}
    assert pairs == set(expected.items())


def test_one_based_takes_one_from_the_near_corner_only(tree: Any, tmp_path: Path) -> None:
    tree.add("whole", [("shoes", 1, 1, 60, 40), ("shoes", 7, 7, 7, 7)])
    annotools.convert(tree.root, tmp_path / "out", to="tfrecord", box_origin="one-based")
    (example,) = tfrecord.read(tmp_path / "out")
    np.testing.assert_allclose(example.boxes, [(0, 0, 60, 40), (6, 6, 7, 7)], atol=1e-5)
    annotools.convert(tree.root, tmp_path / "out2", to="pickle", box_origin="one-based")
    (annotation,) = annotools.read(tmp_path / "out2" / "train.pkl")
    assert [o.bndbox for o in annotation.objects] == [Box(0, 0, 60, 40), Box(6, 6, 7, 7)]


def test_a_png_called_jpg_is_a_png(tree: Any, tmp_path: Path, make_picture: Any) -> None:
    tree.add("liar", image=make_picture(fmt="PNG"))
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord")
    (example,) = tfrecord.read(tmp_path / "out")
    assert example.format == "png"
    assert "format-extension-mismatch" in result.counts


@pytest.mark.parametrize(
    ("size", "rule"),
    [
        (None, "size-missing"),
        ((0, 0, 3), "size-zero"),
        ((40, 60, 3), "size-mismatch"),
        ((61, 41, 3), "size-mismatch"),
        ((90, 70, 3), "size-mismatch"),
    ],
)
def test_the_header_overrules_size(size: Any, rule: str, tree: Any, tmp_path: Path) -> None:
    tree.add("a", size=size)
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord")
    (example,) = tfrecord.read(tmp_path / "out")
    assert (example.width, example.height) == (60, 40)
    np.testing.assert_allclose(example.boxes, [(5, 6, 30, 35)], atol=1e-5)
    assert result.counts == {rule: 1}


def test_what_tfds_cannot_decode_is_an_error_of_that_image(
    tree: Any, tmp_path: Path, make_picture: Any
) -> None:
    tree.add("good").add("moving", image=make_picture(fmt="GIF"), extension=".gif")
    result = annotools.convert(tree.root, tmp_path / "out", to="tfds", on_error="skip")
    assert dict(result.ledger.images.lost) == {"image-format": 1}
    (issue,) = [i for i in result.issues if i.severity == "error"]
    assert issue.path == str(tree.root / "JPEGImages" / "moving.gif")
    assert "gif" in issue.message
    assert not annotools.convert(tree.root, tmp_path / "tfr", to="tfrecord").ledger.images.lost


def test_a_file_name_that_is_not_utf8(tree: Any, tmp_path: Path, make_xml: Any) -> None:
    tree.add("good")
    for folder, suffix, data in (
        ("Annotations", b".xml", make_xml("x.jpg", [("shoes", 5, 6, 30, 35)])),
        ("JPEGImages", b".jpg", (tree.root / "JPEGImages" / "good.jpg").read_bytes()),
    ):
        with open(bytes(tree.root / folder) + b"/caf\xe9" + suffix, "wb") as file:
            file.write(data)
    annotools.convert(tree.root, tmp_path / "out", to="tfrecord")
    assert {e.filename for e in tfrecord.read(tmp_path / "out")} == {"good.jpg", "caf\\udce9.jpg"}


def test_class_ids_with_gaps_fit_every_format(shop: Any, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"books": 7, "手机": 20, "watch": 30, "shoes": 4}', encoding="utf-8")
    for to in FORMATS:
        annotools.convert(shop.root, tmp_path / to, to=to, classes=tmp_path / "c.json")
        saved = annotools.ClassMap.from_file(tmp_path / to / "label_map.pbtxt")
        assert dict(saved.ids) == {"shoes": 4, "books": 7, "手机": 20, "watch": 30}
    annotools.convert(shop.root, tmp_path / "gt.pkl", to="ssd-pickle", classes=tmp_path / "c.json")
    names = (tmp_path / "gt.classes.txt").read_text(encoding="utf-8").split()
    assert names == ["shoes", "books", "手机", "watch"]  # the order of the one-hot columns


def test_what_the_labeller_deleted_is_left_out_and_counted(tree: Any, tmp_path: Path, make_xml: Any) -> None:
    xml = make_xml("a.jpg", [("shoes", 5, 6, 30, 35), ("shoes", 1, 2, 99, 4)])
    first, second = xml.split(b"</object>", 1)
    # the second one also leaves the image, which nobody needs to know of a deleted object
    tree.add("a", xml=first + b"</object>" + second.replace(b"<bndbox>", b"<deleted>1</deleted><bndbox>"))
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord")
    assert dict(result.ledger.objects.lost) == {"object-deleted": 1}
    assert result.ledger.objects.written == 1
    assert [(i.rule, i.severity, i.object_index) for i in result.issues if i.rule == "object-deleted"] == [
        ("object-deleted", "info", 1)
    ]


def test_float_noise_at_the_edge_does_not_leave_the_image(tree: Any, tmp_path: Path) -> None:
    tree.add("a", [("shoes", -0.0004, -1e-9, 60.0009, 40.0000001)])
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord")
    (example,) = tfrecord.read(tmp_path / "out")
    assert list(example.boxes) == [(0, 0, 60, 40)]
    assert not result.counts


def marked(orientation: int) -> bytes:
    """60x40 upright, red in the box (10, 5, 30, 15), stored so that `orientation` shows it upright."""
    from PIL import Image, ImageDraw

    upright = Image.new("RGB", (60, 40), "white")
    ImageDraw.Draw(upright).rectangle((10, 5, 29, 14), fill="red")
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if undo is None else upright.transpose(undo)
    exif = Image.Exif()
    exif[274] = orientation
    output = BytesIO()
    stored.save(output, "JPEG", quality=95, subsampling=0, exif=exif)
    return output.getvalue()


def red_box(encoded: bytes) -> tuple[float, ...]:
    """Where the red pixels are, as TensorFlow and every decoder that ignores EXIF sees them."""
    from PIL import Image

    pixels = np.asarray(Image.open(BytesIO(encoded)).convert("RGB")).astype(int)
    rows, columns = np.nonzero((pixels[..., 0] > 180) & (pixels[..., 1] < 100))
    return (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


@pytest.mark.parametrize(
    ("orientation", "drawn"),
    # <size> can tell the stored frame only from orientation 5 on
    [(n, "upright") for n in range(1, 9)] + [(n, "stored") for n in range(5, 9)],
)
@pytest.mark.parametrize("mode", ["upright", "keep"])
def test_boxes_and_pixels_share_a_frame(
    orientation: int, drawn: str, mode: str, tree: Any, tmp_path: Path
) -> None:
    data = marked(orientation)
    turned = orientation >= 5
    size = (60, 40, 3) if drawn == "upright" else (40, 60, 3)
    box = (10, 5, 30, 15) if drawn == "upright" else [int(v) for v in red_box(data)]
    tree.add("photo", [("shoes", *box)], image=data, size=size)
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", exif=mode)
    (example,) = tfrecord.read(tmp_path / "out")
    assert (example.width, example.height) == ((40, 60) if turned and mode == "keep" else (60, 40))
    np.testing.assert_allclose(example.boxes[0], red_box(example.encoded), atol=1.01)
    assert result.counts.get("exif-orientation", 0) == (orientation != 1)
    if mode == "keep" or orientation == 1:
        assert example.encoded == data


def test_exif_error_refuses(tree: Any, tmp_path: Path) -> None:
    tree.add("photo", image=marked(6)).add("other")
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", exif="error", on_error="skip")
    assert dict(result.ledger.images.lost) == {"exif-orientation": 1}


def test_a_pickle_can_be_one_file(shop: Any, tmp_path: Path) -> None:
    shop.lists(train=[f"img{n:03d}" for n in range(30)], val=[f"img{n:03d}" for n in range(30, 40)])
    annotools.convert(shop.root, tmp_path / "gt.pkl", to="ssd-pickle")
    files = {p.name for p in tmp_path.iterdir() if p.is_file()}
    assert files == {"gt.pkl", "gt.classes.txt", "gt.label_map.pbtxt", "gt.manifest.json"}
    with open(tmp_path / "gt.pkl", "rb") as file:
        table = pickle.load(file)  # noqa: S301
    assert list(table) == [f"img{n:03d}.jpg" for n in range(40)]
    assert table["img000.jpg"].shape == (0, 8)
    annotools.convert(shop.root, tmp_path / "all.pickle", to="pickle")
    splits = [a.split for a in annotools.read(tmp_path / "all.pickle")]
    assert splits == ["train"] * 30 + ["val"] * 10
    assert len(list(annotools.read(tmp_path / "all.pickle", split="val"))) == 10


def test_a_pickle_needs_no_images(tree: Any, tmp_path: Path) -> None:
    tree.add("a", image=None)
    result = annotools.convert(tree.root, tmp_path / "gt.pkl", to="ssd-pickle")
    with open(tmp_path / "gt.pkl", "rb") as file:
        table = pickle.load(file)  # noqa: S301
    np.testing.assert_allclose(table["a.jpg"], [[5 / 60, 6 / 40, 30 / 60, 35 / 40, 1]])
    assert result.counts["image-missing"] == 1


def test_dry_run_checks_everything_and_writes_nothing(shop: Any, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    assert main(["convert", str(shop.root), str(out), "--to", "tfrecord", "--dry-run", "--workers", "1"]) == 0
    assert not out.exists()
    assert "40 found = 40 written" in capsys.readouterr().out
    shop.add("bad", [("shoes", 9, 9, 3, 3)])
    assert main(["convert", str(shop.root), str(out), "--to", "tfrecord", "--dry-run", "--workers", "1"]) == 1
    assert not out.exists()


def test_the_report_holds_ledger_and_issues(shop: Any, tmp_path: Path) -> None:
    shop.add("bad", [("shoes", 30, 9, 3, 12)])
    call = ["convert", str(shop.root), str(tmp_path / "out"), "--to", "tfrecord", "--workers", "1"]
    report = tmp_path / "report.json"
    assert main([*call, "--report", str(report)]) == 1
    failed = json.loads(report.read_text())
    assert [i["rule"] for i in failed["issues"]] == ["box-inverted"]
    assert main([*call, "--report", str(report), "--on-error", "skip"]) == 0
    done = json.loads(report.read_text())
    assert done["ledger"]["objects"]["dropped"] == {"box-inverted": 1}
    (issue,) = done["issues"]
    assert set(issue) == {"rule", "severity", "message", "path", "line", "object_index"}


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_an_archive_gives_the_same_bytes(suffix: str, shop: Any, tmp_path: Path) -> None:
    import shutil

    kind = {".zip": "zip", ".tar": "tar", ".tar.gz": "gztar"}[suffix]
    archive = shutil.make_archive(str(tmp_path / "voc"), kind, shop.root.parent, shop.root.name)
    annotools.convert(shop.root, tmp_path / "a", to="tfrecord")
    annotools.convert(archive, tmp_path / "b", to="tfrecord", workers=2, shards=1)
    shard = "train-00000-of-00001.tfrecord"
    digests = {hashlib.sha256((tmp_path / d / shard).read_bytes()).hexdigest() for d in "ab"}
    assert len(digests) == 1


def test_classes_lists_and_writes_a_label_map(shop: Any, tmp_path: Path, capsys: Any) -> None:
    assert main(["classes", str(shop.root), "-o", str(tmp_path / "labels.pbtxt")]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[2] for row in rows] == ["books", "shoes", "watch", "手机"]
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert sum(int(row[1]) for row in rows) == 60
    assert annotools.ClassMap.from_file(tmp_path / "labels.pbtxt").names == (
        "books",
        "shoes",
        "watch",
        "手机",
    )
