"""The numbers of a manifest against each other, and against what the shards hold. `file` is its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from annotools.conversion.manifest import Manifest
from annotools.ledger import Tally
from annotools.verification.faults import Faults, Where
from annotools.verification.report import ShardReport


def check_sums(manifest: Manifest, faults: Faults, file: str) -> None:
    """The numbers of the manifest against each other."""

    def compare(at: str, found: object, expected: object, message: str) -> None:
        if found != expected:
            faults.add("manifest-sum", message, Where(file, field=at), found=found, expected=expected)

    splits = manifest.splits
    files = Counter(manifest.files)
    for name, times in files.items():
        compare("splits", times, 1, f"{name!r} is listed more than once")
    for split_name, split in splits.items():
        at = f"splits/{split_name}"
        records = sum(shard.records for shard in split.shards)
        compare(f"{at}/records", split.records, records, "not the sum over its shards")
        classes = split.classes.total()
        compare(f"{at}/objects", split.objects, classes, "not the sum over its classes")
        for class_name in sorted(split.classes.keys() - manifest.classes.keys()):
            compare(f"{at}/classes", class_name, None, "a class that is not in the class map")
    images, objects = manifest.ledger.images, manifest.ledger.objects
    records = sum(split.records for split in splits.values())
    boxes = sum(split.objects for split in splits.values())
    tallies: list[tuple[str, str, Tally, int]] = [
        ("images", "skipped", images, records),
        ("objects", "dropped", objects, boxes),
    ]
    for what, lost_key, tally, written in tallies:
        compare(f"ledger/{what}/written", tally.written, written, "not the sum over the splits")
        message = f"found is not written + {lost_key}"
        compare(f"ledger/{what}/found", tally.found, tally.written + tally.lost.total(), message)


def explain_exchanged(reports: Sequence[ShardReport], manifest: Manifest) -> None:
    """Say which shard a file really is, where it is another one of this output."""
    files = {shard.sha256: shard.file for shard in manifest.shards}
    for report in reports:
        real = files.get(report.sha256)
        if real is not None and real != report.file and "shard-sha256" in report.faults.counts:
            message = f"holds what the manifest lists as {real!r}"
            report.faults.add("shard-exchanged", message, Where(report.file))


def check_counts(manifest: Manifest, reports: Sequence[ShardReport], faults: Faults, file: str) -> None:
    """Each split against what its shards hold; where records cannot be read this would say nothing new."""
    by_file = {report.file: report for report in reports}
    for name, split in manifest.splits.items():
        found = [by_file[shard.file] for shard in split.shards]
        if not all(report.complete for report in found):
            continue
        classes: Counter[str] = Counter()
        for report in found:
            classes.update(report.classes)
        truths = {
            "records": sum(report.records for report in found),
            "objects": sum(report.objects for report in found),
            "max_boxes": max((report.max_boxes for report in found), default=0),
            **{f"classes/{one}": classes[one] for one in sorted(classes.keys() | split.classes.keys())},
        }
        for at, truth in truths.items():
            stated = split.classes[at[8:]] if at.startswith("classes/") else getattr(split, at)
            if stated != truth:
                faults.add(
                    "count",
                    "not what the shards hold",
                    Where(file, field=f"splits/{name}/{at}"),
                    found=stated,
                    expected=truth,
                )
