"""The check of a file that is no TFRecord shard, image by image, without running anything of it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping

from annotools.conversion.manifest import Manifest, ShardEntry
from annotools.conversion.output.place import Place
from annotools.conversion.output_formats import FORMATS, OutputFormat
from annotools.conversion.plan import hash_of
from annotools.errors import AnnotoolsError
from annotools.formats.entry import Entry
from annotools.records import TOLERANCE, outside, record
from annotools.verification.faults import Plain, Where
from annotools.verification.report import ShardReport, compare_with_manifest


@record
class EntryCheck:
    """The check of the files of one output.

    classes   ids by class, of the manifest
    upright   boxes are those of the image as EXIF turns it
    """

    place: Place
    form: OutputFormat
    classes: Mapping[str, int]
    upright: bool

    @classmethod
    def of(cls, place: Place, manifest: Manifest) -> EntryCheck:
        upright = manifest.options.exif == "upright"
        return cls(place, FORMATS[manifest.to], manifest.classes, upright)

    def check(self, listed: ShardEntry) -> ShardReport:
        """Check the file that is `listed` in the manifest."""
        path = self.place.file(listed.file)
        report = ShardReport(listed.file)
        try:
            with open(path, "rb") as file:
                report.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                report.bytes = file.tell()
        except (OSError, ValueError) as error:
            report.damaged = True
            report.faults.add("shard-missing", f"cannot be read: {error}", Where(listed.file))
            return report
        try:
            self._check_classes(report)
            for entry in self.entries(listed.file):
                self._check_entry(entry, report)
        except AnnotoolsError as error:
            report.damaged = True
            report.faults.add(
                "undecodable",
                f"cannot be read: {error.message}",
                Where(listed.file, report.records, field=error.field),
                found=error.found,
                expected=None if error.expected is None else Plain(error.expected),
            )
        compare_with_manifest(report, listed)
        return report

    def entries(self, file: str) -> Iterator[Entry]:
        """The images in a file. Raises what the format's reader raises."""
        return self.form.entries(self.place.file(file), self.classes, upright=self.upright)

    def _check_classes(self, report: ShardReport) -> None:
        stored = self.form.stored_classes(self.place.file(report.file))
        if stored is not None and stored != self.classes:
            message = "not the classes of the manifest"
            classes = dict(self.classes)
            report.faults.add("label-map", message, Where(report.file), found=dict(stored), expected=classes)

    def _check_entry(self, entry: Entry, report: ShardReport) -> None:
        add, here = report.faults.add, Where(report.file, report.records)
        for one in entry.findings:
            add(one.rule, one.message, here._replace(field=one.field), found=one.found, expected=one.expected)
        (width, height), slack = ((1, 1), 0) if entry.size is None else (entry.size, TOLERANCE)
        for index in outside(entry.boxes, width, height, slack):
            message = f"box {index} is not inside its image"
            expected = Plain(f"0 <= min <= max <= {width or 'unknown'}, {height or 'unknown'}")
            add("box", message, here._replace(field=entry.field), found=entry.boxes[index], expected=expected)
        if entry.names is None:
            report.unreadable = True
        else:
            for index, name in enumerate(entry.names):
                if name not in self.classes:
                    message = f"object {index} has no class of the class map"
                    add("label", message, here._replace(field="name"), found=name)
            report.count(entry.names)
        report.keys.append(hash_of(f"{entry.split}\0{entry.key}"))
        report.records += 1

    def names_in(self, file: str) -> Iterator[tuple[int, int | None, str]]:
        """(record, None, name of the image) of each image of a file that can be read."""
        with contextlib.suppress(AnnotoolsError):
            for number, entry in enumerate(self.entries(file)):
                yield number, None, entry.key
