"""What `convert` writes and says, and what is read back of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import generated
from net import ALWAYS, Net, as_json, attempt, files_below, group, run_command, sentences

FORMATS = ("tfrecord", "tfds", "ssd-pickle", "pickle")
RATIO = "train=0.7,val=0.2,test=0.1"

# name: (formats, options); for every set of some size
OPTIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "plain": (FORMATS, {}),
    "shards-2": (("tfrecord", "tfds"), {"shards": 2}),
    "shards-64-workers-2": (("tfrecord",), {"shards": 64, "workers": 2}),
    "shard-size": (("tfrecord",), {"shard_size": "64KiB"}),
    "workers-2": (FORMATS, {"workers": 2, "shards": 3}),
    "one-based": (FORMATS, {"box_origin": "one-based", "on_error": "skip"}),
    "numeric": (("tfrecord", "tfds"), {"source_id": "numeric", "shards": 2}),
    "given": (("tfrecord", "pickle"), {"split": "val,train"}),
    "ratio": (FORMATS, {"split": RATIO, "seed": 3}),
    "ratio-auto": (("tfrecord",), {"split": RATIO, "seed": "auto"}),
    "group-by": (("tfrecord", "ssd-pickle"), {"split": RATIO, "group_by": r"\d\d"}),
    "skip": (("tfrecord", "pickle"), {"on_error": "skip", "shards": 2}),
    "dry-run": (("tfrecord",), {"dry_run": True}),
    "mapped": (("tfrecord",), {"map_classes": {"watch": "clock"}, "fix": ["map-classes"]}),
}
FIXES = (
    "clip,swap-inverted,drop-zero-area,drop-duplicates,size-from-image,extension-from-content,"
    "strip-class-names"
)


def record_conversions(net: Net, sets: dict[str, Path]) -> None:
    """`sets`: data sets by name, in the working folder."""
    for name, source in sets.items():
        for options, (formats, given) in OPTIONS.items():
            for to in formats:
                convert(net, f"convert/{name}/{to}/{options}", source, to=to, **given)
    if net.wants("convert/messy"):
        record_messy(net)
    if net.wants("convert/exif"):
        record_exif(net)
    if net.wants("convert/command"):
        record_command(net)
    if net.wants("convert/single-file"):
        record_single_files(net)


def convert(
    net: Net, name: str, source: Path, *, where: str = ALWAYS, read: bool = False, **options: Any
) -> None:
    """One conversion: `/files`, `/manifest`, `/said` (the result), and `/read`: what is read back."""
    import annotools

    if not net.wants(name):
        return
    with net.folder() as out:
        result = attempt(annotools.convert, source, out, **options)
        net.add_said(f"{name}/said", result if isinstance(result, dict) else said_of(result), where=where)
        if out.exists():
            net.add_folder(name, out, where=where)
            if read:
                net.add(f"{name}/read", as_json(read_back(out)), where=where)


def said_of(result: Any) -> dict[str, Any]:
    """A ConvertResult without its manifest."""
    return {
        "ledger": result.ledger.as_dict(),
        "issues": list(result.issues),
        "counts": result.counts,
        "repairs": list(result.repairs),
        "reused": result.reused,
    }


def read_back(out: Path) -> Any:
    """The records of an output, by the public readers."""
    import annotools
    from annotools.formats import ssd_pickle

    files = files_below(out)
    if any(path.suffix == ".tfrecord" for path in files):
        return attempt(annotools.read, out)
    found = {}
    for path in files:
        if path.suffix == ".pkl":
            found[path.name] = attempt(annotools.read, path)
            found[f"{path.name} of ssd"] = attempt(ssd_pickle.read, path)
    return found


def record_messy(net: Net) -> None:
    """Faulty data: refused with every fault named, left out and counted, or repaired."""
    source = generated.make_messy(Path("messy"))
    classes = Path("classes.txt")
    classes.write_text("shoes\nwatch\nred cup\n", encoding="utf-8")
    cases: dict[str, dict[str, Any]] = {
        "fail": {},
        "skip": {"on_error": "skip"},
        "skip-classes": {"on_error": "skip", "classes": classes},
        "skip-fix": {"on_error": "skip", "fix": FIXES},
        "skip-fix-workers": {"on_error": "skip", "fix": FIXES.split(","), "workers": 2, "shards": 4},
        "skip-one-based": {"on_error": "skip", "box_origin": "one-based"},
        "skip-map": {"on_error": "skip", "map_classes": {"Shoes": "shoes", "watch": "clock"}},
    }
    (source / "Annotations" / "normalised.xml").unlink()  # it is a fault of the set, which stops everything
    for case, options in cases.items():
        for to in FORMATS:
            convert(net, f"convert/messy/{to}/{case}", source, to=to, read=case == "skip-fix", **options)
    generated.add(source, "normalised", [("shoes", 0.1, 0.2, 0.5, 0.9)])
    convert(net, "convert/messy/tfrecord/normalised", source, to="tfrecord", on_error="skip")
    copies = generated.make_copies(Path("copies"))
    for seed in (0, 1):
        convert(net, f"convert/messy/copies/{seed}", copies, to="tfrecord", split=RATIO, seed=seed)
    shapes = generated.make_shapes(Path("shapes"))
    for case, options in {"fail": {}, "skip": {"on_error": "skip"}, "fix": {"fix": "box-from-shape"}}.items():
        convert(net, f"convert/messy/shapes/{case}", shapes, to="tfrecord", read=True, **options)
    pictures = generated.make_pictures(Path("pictures"))
    for to in FORMATS:
        convert(net, f"convert/messy/pictures/{to}", pictures, to=to, on_error="skip", read=True)


def record_exif(net: Net) -> None:
    """`upright` encodes the turned pictures anew: those bytes are Pillow's."""
    source = generated.make_exif(Path("exif"))
    for to in FORMATS:
        for mode in ("upright", "keep", "error"):
            turned = mode == "upright" and to not in ("ssd-pickle", "pickle")
            where = group("pillow") if turned else ALWAYS
            options = {"to": to, "exif": mode, "on_error": "skip", "where": where}
            convert(net, f"convert/exif/{to}/{mode}", source, read=to != "tfds", **options)


def record_command(net: Net) -> None:
    """The command: what it prints, its report, its exit code, and an output that is continued."""
    source = generated.make_listed(Path("command"))
    messy = generated.make_messy(Path("command-messy"))
    calls: dict[str, tuple[Path, list[str]]] = {
        "plain": (source, ["--to", "tfrecord", "--shards", "2"]),
        "quiet": (source, ["--to", "tfds", "--quiet"]),
        "dry-run": (source, ["--to", "pickle", "--dry-run"]),
        "fail": (messy, ["--to", "tfrecord"]),
        "skip": (messy, ["--to", "ssd-pickle", "--on-error", "skip", "--fix", FIXES]),
        "no-split": (source, ["--to", "tfrecord", "--split", "validation"]),
        "bad-ratio": (source, ["--to", "tfrecord", "--split", "train=2,val=0.1"]),
        "bad-fix": (source, ["--to", "tfrecord", "--fix", "clp"]),
        "bad-size": (source, ["--to", "tfrecord", "--shard-size", "many"]),
        "no-source": (Path("nowhere"), ["--to", "tfrecord"]),
    }
    for case, (data, flags) in calls.items():
        with net.folder() as out, net.folder("report.json") as report:
            said = run_command("convert", data, out, *flags, "--workers", "1", "--report", report)
            net.add_said(f"convert/command/{case}", said)
            reported = report.read_bytes() if report.exists() else b""
            net.add(f"convert/command/{case}/report", reported, where=sentences())
            if out.exists():
                net.add_folder(f"convert/command/{case}", out)
    with net.folder() as out:
        flags = ["--to", "tfrecord", "--shards", "4", "--workers", "1"]
        run_command("convert", source, out, *flags)
        shard = sorted(out.glob("train-*"))[1]
        shard.write_bytes(shard.read_bytes()[:-9])
        (out / "manifest.json").unlink()
        net.add_said("convert/command/continued", run_command("convert", source, out, *flags))
        net.add_folder("convert/command/continued", out)
        net.add_said(
            "convert/command/other-call", run_command("convert", source, out, *flags, "--exif", "keep")
        )
        net.add_said(
            "convert/command/overwrite", run_command("convert", source, out, *flags[:2], "--overwrite")
        )
        net.add_folder("convert/command/overwrite", out)


def record_single_files(net: Net) -> None:
    source = generated.make_listed(Path("single"))
    for to in ("ssd-pickle", "pickle"):
        name = f"convert/single-file/{to}"
        with net.folder() as out:
            out.mkdir()
            import annotools

            net.add_said(f"{name}/said", said_of(annotools.convert(source, out / "gt.pkl", to=to)))
            net.add_folder(name, out)
            net.add(f"{name}/read", as_json(read_back(out)))
