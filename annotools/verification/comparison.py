"""An output held against its source, from which each record is made once more by the manifest's options.

Nothing is written and nothing is kept: of records that stand at the same place on both sides not even that
they were equal, of all others (moved, missing, too many) what they say without the image.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from annotools.conversion.json_records import to_json
from annotools.conversion.manifest import Manifest
from annotools.conversion.outcome import Outcome
from annotools.conversion.output.place import Place
from annotools.conversion.plan import Plan, Shard
from annotools.conversion.reconcile import reconcile
from annotools.conversion.shard import shard_file
from annotools.conversion.statistics import Statistics
from annotools.errors import AnnotoolsError
from annotools.ledger import Ledger
from annotools.verification.faults import Faults, Plain, Where
from annotools.verification.sides import Item, Unit, sides_of


@dataclass(slots=True)
class Comparison:
    """What came out for some files of the output. `ledger`, `issues` and `repairs` are of the source."""

    faults: Faults = field(default_factory=Faults)
    ledger: Ledger = field(default_factory=Ledger)
    issues: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    not_written: Counter[str] = field(default_factory=Counter)


def units(plan: Plan, manifest: Manifest, single_file: str | None) -> tuple[list[Unit], Faults]:
    """What can be compared by itself: a shard, or a whole split where the source now makes other shards."""
    faults = Faults()
    found: list[Unit] = []
    planned: dict[str, list[int]] = {}
    for place, shard in enumerate(plan.shards):
        planned.setdefault(shard.split, []).append(place)
    for split in sorted(planned.keys() | manifest.splits.keys()):
        places = planned.get(split, [])
        expected = [single_file or shard_file(plan, plan.shards[place]) for place in places]
        files = [shard.file for shard in manifest.splits[split].shards] if split in manifest.splits else []
        if files == expected:
            found += [Unit((file,), (place,)) for file, place in zip(files, places, strict=True)]
            continue
        message = "the source makes other shards of this split"
        shown = Plain(f"{len(files)} files"), Plain(f"{len(expected)} files")
        faults.add("source-shards", message, Where(field=split), found=shown[0], expected=shown[1])
        found.append(Unit(tuple(files), tuple(places)))
    return found, faults


def compare_unit(plan: Plan, place: Place, unit: Unit) -> Comparison:
    """Compare the records of a unit with what the source gives."""
    result = Comparison()
    sides = sides_of(plan, place)
    statistics = Statistics()
    expected = (
        item
        for number in unit.places
        for outcome in _outcomes(plan, plan.shards[number], statistics)
        if (item := sides.expect(outcome)) is not None
    )
    actual = (item for file in unit.files for item in _read(sides.read(file, unit), file, result))
    _merge(expected, actual, result.faults)
    result.ledger.add(statistics.ledger)
    result.issues = statistics.issue_counts
    result.repairs = Counter(repair.fix for repair in statistics.repairs)
    result.not_written = statistics.not_written
    return result


def _outcomes(plan: Plan, shard: Shard, statistics: Statistics) -> Iterator[Outcome]:
    for entry in plan.entries(shard):
        outcome = reconcile(entry, plan.source, plan.options)
        statistics.add(outcome, plan.options.format.drops)
        statistics.issues.clear()  # they are counted
        yield outcome


def _read(items: Iterator[Item], file: str, result: Comparison) -> Iterator[Item]:
    """What can be read of a file; the check of the file by itself says more about what cannot."""
    try:
        yield from items
    except (AnnotoolsError, OSError, ValueError) as error:
        reason = error.message if isinstance(error, AnnotoolsError) else str(error)
        message = f"the rest of the file cannot be read: {reason}"
        result.faults.add("not-compared", message, Where(file))


def _merge(expected: Iterator[Item], actual: Iterator[Item], faults: Faults) -> None:
    """Pair the items of both sides by key. Those that stand side by side are done with at once."""
    wanted: dict[str, tuple[int, Item]] = {}
    extra: dict[str, tuple[int, Item]] = {}
    surplus: list[Item] = []
    places: array[int] = array("q")  # for each actual item, the place where it should be
    moved: list[tuple[int, Item]] = []
    for number, (one, other) in enumerate(zip_longest(expected, actual)):
        if other is not None:
            places.append(-1)
        if one is not None and other is not None and one.key == other.key and one.key not in wanted:
            places[number] = number
            _compare(one, other, faults)
            continue
        if one is not None:
            if one.key in extra:
                place, found = extra.pop(one.key)
                places[place] = number
                moved.append((place, found))
                _compare(one, found, faults)
            else:
                wanted[one.key] = number, one.light()
        if other is not None:
            if other.key in wanted:
                place, hoped = wanted.pop(other.key)
                places[number] = place
                moved.append((number, other.light()))
                _compare(hoped, other, faults)
            elif other.key in extra:
                surplus.append(other.light())
            else:
                extra[other.key] = number, other.light()
    _report_order(places, moved, faults)
    for _, item in wanted.values():
        faults.add("missing", "the source has it, the output does not", Where(field=item.key))
    for item in [*surplus, *(item for _, item in extra.values())]:
        message = "the output has it, the source does not give it here"
        faults.add("extra", message, item.where._replace(field=item.key))


def _report_order(places: Sequence[int], moved: Sequence[tuple[int, Item]], faults: Faults) -> None:
    """An item is out of order if one that stands before it should stand behind it."""
    latest = -1
    wrong = set()
    for number, place in enumerate(places):
        if 0 <= place < latest:
            wrong.add(number)
        latest = max(latest, place)
    for number, item in sorted(moved, key=lambda pair: pair[0]):
        if number in wrong:
            message = "stands behind records that the source puts after it"
            faults.add("order", message, item.where._replace(field=item.key))


def _compare(one: Item, other: Item, faults: Faults) -> None:
    if one.content is not None and other.content is not None and one.content == other.content:
        return
    expected, found = one.says(), other.says()
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            faults.add(
                "different",
                f"{one.key!r} is not what the source gives",
                other.where._replace(field=name),
                found=found.get(name, Plain("nothing")),
                expected=expected.get(name, Plain("nothing")),
            )


def compare_statistics(comparison: Comparison, left_out: Ledger, manifest: Manifest, name: str) -> None:
    """The ledger, the issues and the repairs of the manifest against those of the source today."""
    ledger = Ledger()
    ledger.add(left_out)
    ledger.add(comparison.ledger)
    today = {
        "ledger": ledger,
        "issues": comparison.issues,
        "repairs": comparison.repairs,
        "not_written": comparison.not_written,
    }
    for part, expected in today.items():
        stated = to_json(getattr(manifest, part))
        for at, one, other in differences(stated, to_json(expected), (part,), absent=0):
            where = Where(name, field=at)
            message = "not what the source gives"
            comparison.faults.add("source-books", message, where, found=one, expected=other)


def differences(
    found: Any, expected: Any, at: tuple[str, ...] = (), *, absent: object = None
) -> Iterator[tuple[str, object, object]]:
    """(place as "splits/train", found, expected) of each value that differs between two JSON values.

    absent   what stands for an entry that one of them lacks
    """
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in sorted(found.keys() | expected.keys()):
            one, other = found.get(key, absent), expected.get(key, absent)
            yield from differences(one, other, (*at, str(key)), absent=absent)
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for index, (one, other) in enumerate(zip(found, expected, strict=True)):
            yield from differences(one, other, (*at, str(index)), absent=absent)
    elif found != expected:
        yield "/".join(at), found, expected
