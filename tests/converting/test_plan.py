"""Plans: which image goes where, what an added image moves, names that are hard to write down, and memory."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.classes.class_map import ClassMap
from annotools.conversion.options import ConvertOptions, Options, make_options
from annotools.conversion.plan import Entry, Plan, make_plan, shard_of
from annotools.conversion.shard import write_shard
from annotools.formats import tfrecord
from annotools.sources import catalogue
from annotools.sources.source import Pair, Source, open_source

MANY = 100_000


@pytest.fixture(params=[20_000, 3], ids=["in memory", "on disk"])
def memory(request: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """Once everything fits in memory, once hardly anything does."""
    monkeypatch.setattr(catalogue, "IN_MEMORY", request.param)
    return int(request.param)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 100,000 annotations in it, all the same file or nearly."""
    folder = tmp_path_factory.mktemp("crowd")
    file = ""
    for number in range(MANY):
        name = str(folder / f"IMG_{number:06}_jpg.rf.0123456789abcdef.xml")
        if number % 30_000 == 0:  # a file has at most some 65,000 names
            file = name
            Path(file).write_bytes(b"<annotation/>")
        else:
            os.link(file, name)
    return folder


def options(to: str = "tfrecord", **more: Any) -> Options:
    classes = ClassMap.from_names(["shoes", "watch", "手机", "books"])
    return make_options(ConvertOptions(to=to, **more), classes)


def plan_of(source: Source, folder: Path, chosen: Options, *, merged: bool = False, **how: Any) -> Plan:
    folder.mkdir(exist_ok=True)
    how = {"shards": None, "shard_size": 1 << 30} | how
    return make_plan(source, dataclasses.replace(chosen, **how), folder, merged=merged)


def hashed(image_id: str) -> int:
    digest = hashlib.blake2b(image_id.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


@pytest.mark.parametrize("shards", [1, 3, 4])
def test_shards_are_stretches_of_the_sorted_hashes(
    shop: Any, tmp_path: Path, memory: int, shards: int
) -> None:
    shop.lists(train=shop.names[:25], val=shop.names[20:38])
    source = open_source(shop.root)
    plan = plan_of(source, tmp_path / "plan", options(), shards=shards)
    assert [(one.split, one.index, one.count) for one in plan.shards] == [
        (split, index, shards) for split in ("train", "val") for index in range(shards)
    ]
    for shard in plan.shards:
        low, high = ((shard.index + end << 64) // shards for end in (0, 1))
        pairs = [pair for pair in source.pairs(shard.split) if low <= hashed(pair.id) < high]
        pairs.sort(key=lambda pair: hashed(pair.id))
        assert list(plan.entries(shard)) == [Entry(0, pair) for pair in pairs]
        assert shard.entries == len(pairs) > 0
    assert plan.total == 25 + 18
    assert plan.left_out.images.lost == Counter({"not-in-split": 2})


@pytest.mark.parametrize("count", [1, 2, 3, 7, 1024, 99_991])
def test_where_a_shard_begins(count: int) -> None:
    for index in {0, 1 % count, count // 2, count - 1}:
        first = (index << 64) // count
        assert shard_of(first, count) == index
        assert first == 0 or shard_of(first - 1, count) == index - 1
    assert shard_of((1 << 64) - 1, count) == count - 1


def test_numbers_are_places_by_id_where_ids_are_numeric(shop: Any, tmp_path: Path, memory: int) -> None:
    plan = plan_of(open_source(shop.root), tmp_path / "plan", options(source_id="numeric"), shards=3)
    found = {entry.pair.id: entry.number for shard in plan.shards for entry in plan.entries(shard)}
    assert found == {image_id: number for number, image_id in enumerate(sorted(shop.names), start=1)}


@pytest.mark.parametrize("merged", [False, True])
def test_a_pickle_is_in_the_order_of_the_ids(shop: Any, tmp_path: Path, memory: int, merged: bool) -> None:
    shop.lists(val=shop.names[:15], train=shop.names[10:])
    source = open_source(shop.root)
    plan = plan_of(source, tmp_path / "plan", options("pickle", split="val,train"), merged=merged)
    found = [entry.pair for shard in plan.shards for entry in plan.entries(shard)]
    by_split = {split: list(source.pairs(split)) for split in ("train", "val")}
    if merged:  # in the order in which the call names the splits
        assert [shard.split for shard in plan.shards] == ["all"]
        assert found == by_split["val"] + by_split["train"]
    else:
        assert found == by_split["train"] + by_split["val"]


def test_a_ratio_split_has_an_image_of_two_lists_once(shop: Any, tmp_path: Path, memory: int) -> None:
    shop.lists(train=shop.names, val=shop.names)
    plan = plan_of(open_source(shop.root), tmp_path / "plan", options(split="a=0.5,b=0.5"))
    found = [entry.pair.id for shard in plan.shards for entry in plan.entries(shard)]
    assert sorted(found) == sorted(shop.names)


@pytest.mark.parametrize(
    ("pieces", "shards"), [(1, 1), (1.01, 2), (2, 2), (2.5, 4), (4, 4), (4.1, 8), (7.9, 8), (33, 64)]
)
def test_the_number_of_shards_is_the_next_power_of_two(
    shop: Any, tmp_path: Path, pieces: float, shards: int
) -> None:
    size = sum(path.stat().st_size for path in (shop.root / "JPEGImages").iterdir())
    plan = plan_of(open_source(shop.root), tmp_path / "plan", options(), shard_size=math.ceil(size / pieces))
    assert len(plan.shards) == shards


def test_an_added_image_changes_the_lines_of_its_shard_only(crowd: Path, tmp_path: Path) -> None:
    before = plan_of(open_source(crowd), tmp_path / "before", options(), shards=64)
    added = crowd / "IMG_000000_a.xml"  # near the beginning by id, so that all others come after it
    added.write_bytes(b"<annotation/>")
    try:
        after = plan_of(open_source(crowd), tmp_path / "after", options(), shards=64)
    finally:
        added.unlink()
    assert before.total == MANY
    assert after.total == MANY + 1
    changed = [
        place
        for place, (one, other) in enumerate(zip(before.shards, after.shards, strict=True))
        if list(before.lines(one)) != list(after.lines(other))
    ]
    (place,) = changed
    new = set(after.lines(after.shards[place])) - set(before.lines(before.shards[place]))
    assert [json.loads(line)[1] for line, _ in new] == ["IMG_000000_a"]


MEMORY = """
import resource, sys, tempfile
from pathlib import Path
from annotools.classes.class_map import ClassMap
from annotools.conversion.options import ConvertOptions, make_options
from annotools.conversion.plan import make_plan
from annotools.sources.source import open_source
options = make_options(ConvertOptions(to="tfrecord", shards=8), ClassMap.from_names(["a"]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with tempfile.TemporaryDirectory() as folder:
    print(make_plan(open_source(sys.argv[1]), options, Path(folder)).total)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
def test_memory_does_not_hold_the_names(crowd: Path) -> None:
    """100,000 annotations without images take 2 MB; as Python objects their names took 43."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(crowd)], capture_output=True, text=True, check=True
    )
    total, megabytes = map(int, done.stdout.split())
    assert total == MANY
    assert megabytes < 12


def test_a_shard_as_a_plan_of_its_own(shop: Any, tmp_path: Path, memory: int, snapshot: Any) -> None:
    plan = plan_of(open_source(shop.root), tmp_path / "plan", options(), shards=3)
    lines = [list(plan.lines(shard)) for shard in plan.shards]
    copies = [pickle.dumps(plan.alone(index, plan.packed(plan.shards[index]))) for index in range(3)]
    for index in range(3):
        write_shard(plan, index, _folder(tmp_path / "out"))
    assert isinstance(plan.rows, str)
    Path(plan.rows).unlink()
    for index, data in enumerate(copies):
        alone = pickle.loads(data)  # noqa: S301  # our own bytes
        assert list(alone.lines(alone.shards[0])) == lines[index]
        assert alone.total == len(lines[index])
        write_shard(alone, 0, _folder(tmp_path / "alone"))
    assert snapshot(tmp_path / "alone") == snapshot(tmp_path / "out")
    assert len(snapshot(tmp_path / "out")) == 6


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def test_a_plan_is_small_and_the_source_in_it_lists_again(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process that cannot reach the temporary file of the one that listed the source."""
    monkeypatch.setattr(catalogue, "IN_MEMORY", 3)
    shop.lists(train=shop.names[:20], val=shop.names[20:])
    source = open_source(shop.root)
    pairs = list(source.pairs())
    data = pickle.dumps(plan_of(source, tmp_path / "plan", options(), shards=3))
    assert len(data) < 3000
    del source
    copy = pickle.loads(data).source  # noqa: S301  # our own bytes
    assert copy._listed.catalogue.is_lost
    assert list(copy.pairs()) == pairs
    assert copy.image_named(pairs[0], "IMG007.png") == "JPEGImages/img007.jpg"
    again = pickle.loads(data).source  # noqa: S301  # our own bytes
    assert again.image_named(pairs[0], "IMG007.png") == "JPEGImages/img007.jpg"
    assert len(again) == len(pairs)


ODD = [
    "line\nfeed",
    "\"double\" and 'single'",
    "..",
    "..b..",
    "x" * 251,
    os.fsdecode(b"not \xff\xfe UTF-8"),
    "tab\tand\x01",
    "blank ",
    "%2e%2e",
    "$(true)`true`;*",
    "\u202eleft",
]


def test_names_that_are_hard_to_write_down(shop: Any, tmp_path: Path, memory: int, snapshot: Any) -> None:
    folder = tmp_path / "odd"
    xml = (shop.root / "Annotations" / "img001.xml").read_bytes().replace(b"img001.jpg", b"")
    image = (shop.root / "JPEGImages" / "img001.jpg").read_bytes()
    for kind, extension, content in (("Annotations", "xml", xml), ("JPEGImages", "jpg", image)):
        (folder / kind).mkdir(parents=True)
        for stem in ODD:
            try:
                (folder / kind / f"{stem}.{extension}").write_bytes(content)
            except OSError as error:
                pytest.skip(f"this file system does not take {stem!r}: {error}")
    source = open_source(folder)
    # ".." + ".xml" begins with a dot: hidden, as on every Unix
    visible = [stem for stem in ODD if not stem.startswith(".")]
    expected = {Pair(_id(stem), f"Annotations/{stem}.xml", f"JPEGImages/{stem}.jpg") for stem in visible}
    assert set(source.pairs()) == expected
    plan = plan_of(source, tmp_path / "plan", options(), shards=2)
    entries = [entry.pair for shard in plan.shards for entry in plan.entries(shard)]
    assert len(entries) == len(expected)
    assert {Pair(one.id, one.xml, one.image) for one in entries} == expected
    before = sorted(os.listdir(os.fsencode(tmp_path)))
    for index in range(2):
        assert not write_shard(plan, index, _folder(tmp_path / "out")).failed
    assert sorted(os.listdir(os.fsencode(tmp_path))) == sorted([*before, b"out"])
    assert len(list((tmp_path / "out").iterdir())) == 3
    written = [example for path in sorted((tmp_path / "out").glob("train-*")) for example in _read(path)]
    assert len(written) == len(visible)
    assert {example.encoded for example in written} == {image}


def _id(stem: str) -> str:
    return stem.encode("utf-8", "backslashreplace").decode()


def _read(path: Path) -> list[Any]:
    return list(tfrecord.read(path))


def test_an_image_that_vanishes_after_the_plan_is_an_error_of_that_image(shop: Any, tmp_path: Path) -> None:
    plan = plan_of(open_source(shop.root), tmp_path / "plan", options(), shards=1)
    (shop.root / "JPEGImages" / "img007.jpg").unlink()
    result = write_shard(plan, 0, _folder(tmp_path / "out"))
    (issue,) = result.issues
    assert (issue.rule, issue.severity) == ("image-unreadable", "error")
    assert issue.path is not None
    assert "img007" in issue.path + issue.message
    assert result.records == 39


def test_conversion_does_not_depend_on_what_fits_in_memory(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: Any
) -> None:
    shop.add("lone", xml=None).lists(train=[f"{name}.jpg" for name in shop.names[:22]], val=shop.names[22:])
    outputs = []
    for name, size in (("plenty", 20_000), ("scarce", 3)):
        monkeypatch.setattr(catalogue, "IN_MEMORY", size)
        annotools.convert(shop.root, tmp_path / name, to="tfrecord", shards=3, workers=2)
        outputs.append(snapshot(tmp_path / name))
    assert outputs[0] == outputs[1]
