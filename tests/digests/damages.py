"""What `verify` says of outputs that are whole, and of outputs that are damaged in one way each."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import generated
from conversions import FORMATS, RATIO
from net import ALWAYS, Net, group, run_command, run_json

ALONE = ("--format", "json", "--quiet", "--workers", "1")

Damage = Callable[[Path], object]


def shard(out: Path) -> Path:
    """The shard that is damaged: the second of train."""
    return next(path for path in sorted(out.glob("*train*00001-of-0000?*")) if path.is_file())


def offsets(out: Path) -> list[int]:
    """Where the records of a sound shard begin: length (8 bytes), checksum (4), data, checksum (4)."""
    content = shard(out).read_bytes()
    found, at = [], 0
    while at < len(content):
        found.append(at)
        at += int.from_bytes(content[at : at + 8], "little") + 16
    return found


def flip(*bits: Callable[[list[int]], int]) -> Damage:
    """Turn over bits of the shard; each is found from the offsets of the records."""

    def damage(out: Path) -> None:
        content = bytearray(shard(out).read_bytes())
        places = [bit(offsets(out)) for bit in bits]
        for place in places:
            content[place // 8] ^= 1 << place % 8
        shard(out).write_bytes(content)

    return damage


def overwrite(start: Callable[[list[int]], int], content: bytes) -> Damage:
    def damage(out: Path) -> None:
        place = start(offsets(out))
        with open(shard(out), "r+b") as file:
            file.seek(place)
            file.write(content)

    return damage


def cut(size: Callable[[list[int]], int]) -> Damage:
    def damage(out: Path) -> None:
        place = size(offsets(out))
        content = shard(out).read_bytes()
        shard(out).write_bytes(content[:place])

    return damage


def change_manifest(change: Callable[[dict[str, object]], object]) -> Damage:
    def damage(out: Path) -> None:
        path = out / "manifest.json"
        manifest = json.loads(path.read_bytes())
        change(manifest)
        path.write_text(json.dumps(manifest), encoding="utf-8")

    return damage


def exchange(out: Path) -> None:
    one, two = sorted(out.glob("train-*.tfrecord"))[:2]
    for a, b in ((one, two), (out / "index" / f"{one.name}.u64", out / "index" / f"{two.name}.u64")):
        first, second = a.read_bytes(), b.read_bytes()
        a.write_bytes(second)
        b.write_bytes(first)


def edit_index(out: Path) -> None:
    path = out / "index" / f"{shard(out).name}.u64"
    content = bytearray(path.read_bytes())
    content[24] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Damage] = {
    "none": lambda out: None,
    "data-bit": flip(lambda at: 8 * (at[2] + 100)),
    "first-data-bit": flip(lambda at: 8 * (at[0] + 12)),
    "last-data-bit": flip(lambda at: 8 * (at[-1] + 20)),
    "data-bits-of-two": flip(lambda at: 8 * (at[1] + 40) + 3, lambda at: 8 * (at[4] + 50) + 1),
    "data-checksum": flip(lambda at: 8 * (at[3] - 2)),
    "length-bit": flip(lambda at: 8 * at[1] + 1),
    "length-bit-high": flip(lambda at: 8 * at[1] + 60),
    "length-bits": flip(lambda at: 8 * at[1] + 1, lambda at: 8 * at[1] + 9),
    "length-checksum": flip(lambda at: 8 * (at[2] + 9)),
    "length-and-data": flip(lambda at: 8 * at[1] + 2, lambda at: 8 * (at[1] + 60)),
    "header": overwrite(lambda at: at[2], b"\xff" * 12),
    "header-of-first": overwrite(lambda at: at[0], b"\xff" * 12),
    "stretch": overwrite(lambda at: at[2] + 5, bytes(range(256)) * 8),
    "long-stretch": overwrite(lambda at: at[1] + 3, bytes(range(250)) * 160),
    "zeros": overwrite(lambda at: at[3], bytes(2000)),
    "cut-in-data": cut(lambda at: at[-1] + 100),
    "cut-in-header": cut(lambda at: at[-1] + 7),
    "cut-between": cut(lambda at: at[-1]),
    "cut-to-nothing": cut(lambda at: 0),
    "longer": lambda out: shard(out).write_bytes(shard(out).read_bytes() + b"more bytes than there were"),
    "shard-removed": lambda out: shard(out).unlink(),
    "index-removed": lambda out: (out / "index" / f"{shard(out).name}.u64").unlink(),
    "index-wrong": edit_index,
    "labels-removed": lambda out: (out / "label_map.pbtxt").unlink(),
    "labels-changed": lambda out: (out / "label_map.pbtxt").write_text(
        (out / "label_map.pbtxt").read_text(encoding="utf-8").replace("watch", "clock"), encoding="utf-8"
    ),
    "manifest-removed": lambda out: (out / "manifest.json").unlink(),
    "manifest-cut": lambda out: (out / "manifest.json").write_bytes(
        (out / "manifest.json").read_bytes()[:99]
    ),
    "manifest-other-classes": change_manifest(
        lambda m: m.update(classes={"shoes": 1, "watch": 2, "books": 3})
    ),
    "manifest-other-version": change_manifest(lambda m: m.update(version=99)),
    "manifest-without-splits": change_manifest(lambda m: m.pop("splits")),
    "shard-too-many": lambda out: shutil.copy(shard(out), out / "train-00003-of-00004.tfrecord"),
    "exchanged": exchange,
}


def record_damages(net: Net, sets: dict[str, Path]) -> None:
    for name, data in sets.items():
        record_set(net, name, data)
    source = generated.make_listed(Path("shop-verified"))
    if net.wants("verify/whole"):
        record_whole(net, source)
    if net.wants("verify/damaged"):
        record_damaged(net, source, sets["sample_data"])
    if net.wants("verify/pickle"):
        record_pickles(net, source)


def record_set(net: Net, name: str, data: Path) -> None:
    for to in FORMATS:
        if net.wants(f"verify/{name}/{to}"):
            with net.folder() as out:
                run_command("convert", data, out, "--to", to, "--workers", "1", "--quiet", "--shards", "2")
                told = run_json("verify", out, "--against", data, *ALONE)
                net.add_said(f"verify/{name}/{to}", told)


def record_whole(net: Net, source: Path) -> None:
    exif = generated.make_exif(Path("exif-verified"))
    messy = generated.make_messy(Path("messy-verified"))
    (messy / "Annotations" / "normalised.xml").unlink()
    for to in FORMATS:
        for name, data, flags in (
            ("listed", source, ["--shards", "3"]),
            ("ratio", source, ["--split", RATIO, "--box-origin", "one-based", "--source-id", "numeric"]),
            ("exif", exif, ["--on-error", "skip"]),
            ("messy", messy, ["--on-error", "skip", "--fix", "clip,swap-inverted"]),
        ):
            with net.folder() as out:
                run_command("convert", data, out, "--to", to, "--workers", "1", "--quiet", *flags)
                for depth in ("none", "decode"):
                    told = run_json("verify", out, "--against", data, "--images", depth, *ALONE)
                    where = group("pillow") if "decode" in depth or name == "exif" else ALWAYS
                    net.add_said(f"verify/whole/{to}/{name}/{depth}", told, where=where)
    with net.folder() as out:
        run_command("convert", source, out, "--to", "tfrecord", "--workers", "1", "--quiet", "--shards", "3")
        generated.add(source, "img999")
        (source / "Annotations" / "img003.xml").write_bytes(generated.voc_xml("img003.jpg"))
        (source / "JPEGImages" / "img005.jpg").write_bytes(generated.picture(comment="another"))
        for workers in ("1", "2"):
            flags = ["--against", str(source), "--workers", workers]
            told = run_json("verify", out, *flags, "--format", "json")
            net.add_said(f"verify/whole/source-changed/workers-{workers}", told)
        net.add_said("verify/whole/text", run_command("verify", out, "--against", source, "--workers", "1"))
        generated.make_listed(source)
        (source / "Annotations" / "img999.xml").unlink()
        (source / "JPEGImages" / "img999.jpg").unlink()


def record_damaged(net: Net, source: Path, sample: Path) -> None:
    """`source` in small records, all damages; in tfds and in the large records of `sample`, some."""
    some = ("none", "data", "length", "cut", "man")
    split = ["--split", "train=0.9,val=0.1"]
    for name, to, data, flags, beginnings in (
        ("tfrecord", "tfrecord", source, [], ("",)),
        ("tfds", "tfds", source, split, some),
        ("large", "tfrecord", sample, [], ("header", "long", "cut-in-data")),
    ):
        sound = Path(f"sound-{name}")
        run_command("convert", data, sound, "--to", to, "--workers", "1", "--quiet", "--shards", "3", *flags)
        for damage, make in DAMAGES.items():
            if net.wants(f"verify/damaged/{name}/{damage}") and damage.startswith(beginnings):
                with net.folder() as out:
                    shutil.copytree(sound, out)
                    make(out)
                    against = damage in ("data-bit", "exchanged", "shard-removed", "cut-in-data")
                    verify(net, f"verify/damaged/{name}/{damage}", out, data if against else None)


def verify(net: Net, name: str, out: Path, against: Path | None) -> None:
    """A damaged output by itself, against its source, and saved."""
    net.add_said(name, run_json("verify", out, *ALONE))
    if against is not None:
        net.add_said(f"{name}/against", run_json("verify", out, *ALONE, "--against", against))
    with net.folder("saved") as saved:
        net.add_said(f"{name}/salvage", run_json("verify", out, *ALONE, "--salvage", saved))
        if saved.exists():
            net.add_folder(f"{name}/salvage", saved)


def record_pickles(net: Net, source: Path) -> None:
    """Pickles: cut, with a changed byte, without the files beside them."""
    for to in ("pickle", "ssd-pickle"):
        for damage in ("none", "cut", "byte", "labels-removed", "manifest-removed"):
            with net.folder("pickles") as out:
                out.mkdir()
                path = out / "gt.pkl"
                run_command("convert", source, path, "--to", to, "--workers", "1", "--quiet")
                content = path.read_bytes()
                if damage == "cut":
                    path.write_bytes(content[:-50])
                elif damage == "byte":
                    place = content.index(b"img010") + 5
                    path.write_bytes(content[:place] + b"X" + content[place + 1 :])
                elif damage == "labels-removed":
                    (out / "gt.label_map.pbtxt").unlink()
                elif damage == "manifest-removed":
                    (out / "gt.manifest.json").unlink()
                for how, flags in (("alone", []), ("against", ["--against", str(source)])):
                    told = run_json("verify", path, *ALONE, *flags)
                    net.add_said(f"verify/pickle/{to}/{damage}/{how}", told)
