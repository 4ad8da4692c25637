"""One image and its annotation, brought together: what is written of them, and what is wrong with them.

The image header decides about size and format, `<size>` is a claim to be compared with it. A fault of an
object costs that object, a fault of the image or of the whole file costs the image; what else is odd is
said as a warning and costs nothing. Nothing is repaired here.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from annotools.conversion.example import make_example, named_as_encoded
from annotools.conversion.options import Options
from annotools.conversion.orientation import Frame, box_mapping, choose_frame, moved
from annotools.conversion.plan import Entry
from annotools.errors import FaultyFileError, ImageError
from annotools.formats import voc
from annotools.images import header as image_headers
from annotools.images import turn_boxes, turn_pixels
from annotools.issues import RULES_BY_ID, DataError, Issue
from annotools.records import Annotation, Example
from annotools.repair.fixes import Repair
from annotools.repair.repairs import repair
from annotools.sources.source import Pair, Source
from annotools.validation.rules.catalogue import CHECKS
from annotools.validation.rules.names import image_missing
from annotools.validation.rules.rule import Sample, objects_with_errors

_CLAIMS = [check.function for check in CHECKS if check.claims and not check.needs_image]
_CLAIMS_ABOUT_IMAGE = [check.function for check in CHECKS if check.claims and check.needs_image]
_COSTLY = [check.function for check in CHECKS if check.costs and not check.needs_image]
_COSTLY_WITH_IMAGE = [check.function for check in CHECKS if check.costs]


class ImageLostError(Exception):
    """The image cannot be written; `rule` says why. `issue` is to be reported, unless that was done."""

    def __init__(self, rule: str, issue: Issue | None = None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.issue = issue


@dataclass(slots=True)
class Outcome:
    """What became of one image. `example` is None when the image is lost; `reason` then says by which rule.

    annotation   with faulty objects gone and boxes in the frame and origin that the output uses
    found        objects in the file
    lost         for each object that was lost, the rule or the repair that took it
    repairs      what `--fix` changed
    """

    issues: list[Issue] = field(default_factory=list)
    annotation: Annotation | None = None
    example: Example | None = None
    reason: str | None = None
    found: int = 0
    lost: list[str] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)


def reconcile(entry: Entry, source: Source, options: Options) -> Outcome:
    """Read one image and its annotation, and decide what can be written.

    No fault of one image raises. DataError for a rule that stops the whole conversion.
    """
    outcome = Outcome()
    try:
        sample = _read_annotation(entry.pair, source, options, outcome)
        encoded = _read_image(sample, options, outcome)
        frame = choose_frame(sample.annotation, options)
        outcome.issues += frame.issues
        annotation, lost = _judge_objects(sample, frame, options, outcome)
        if frame.turn_pixels and encoded:
            encoded = _turned_upright(encoded, annotation)
        example = make_example(entry, annotation, frame, encoded, options)
        if any(one.fix == "image-format" for one in outcome.repairs):
            example = named_as_encoded(example)
        _check_image(example, annotation, options)
    except ImageLostError as loss:
        if loss.issue is not None:
            outcome.issues.append(loss.issue)
        outcome.reason, outcome.lost = loss.rule, [loss.rule] * outcome.found
        return outcome
    outcome.lost = lost
    outcome.annotation = annotation
    outcome.example = example
    return outcome


def _read_annotation(pair: Pair, source: Source, options: Options, outcome: Outcome) -> Sample:
    """The annotation as the file has it, and what it claims wrongly about its image's name."""
    if pair.xml is None:
        raise ImageLostError("annotation-missing")  # the source has reported it with its path
    path = source.display(pair.xml)
    try:
        data = source.read_bytes(pair.xml)
    except FaultyFileError as error:
        raise ImageLostError("unparsable", Issue.from_error("unparsable", error, path)) from None
    annotation, outcome.issues = voc.inspect(data, path)
    if annotation is None:
        raise ImageLostError(next(issue.rule for issue in outcome.issues if issue.severity == "error"))
    outcome.found = len(annotation.objects)
    sample = Sample(
        annotation, data, pair, source,
        one_based=options.box_origin == "one-based", classes=options.classes,
    )  # fmt: skip
    for check in _CLAIMS:
        outcome.issues += check(sample)
    return sample


def _read_image(sample: Sample, options: Options, outcome: Outcome) -> bytes:
    """The bytes of the image, if the output holds them; the sample gets to know what its header says."""
    annotation, pair, source = sample.annotation, sample.pair, sample.source
    assert pair is not None
    assert source is not None
    if pair.image is None:
        sample.annotation = annotation.found_at(None, None, pair.split)
        # A pickle holds no pixels: a size from the XML will do, if there is one.
        blocking = options.stores_pixels or not (annotation.size and annotation.size.width)
        issue = image_missing(annotation, blocking=blocking)
        if blocking:
            raise ImageLostError("image-missing", issue)
        outcome.issues.append(issue)
        return b""
    path = source.display(pair.image)
    encoded = b""
    try:
        if options.stores_pixels:
            encoded = source.read_bytes(pair.image)
            if options.image_format != "keep":
                encoded = _encoded_anew(encoded, path, options, outcome)
            image = image_headers.read_header(encoded, path)
            sample.head = encoded
        else:
            image = source.read_header(pair.image)
    except FaultyFileError as error:
        raise ImageLostError("image-unreadable", Issue.from_error("image-unreadable", error, path)) from None
    if encoded and image_headers.is_truncated(encoded, image):
        message = f"the {image.format} data stops before its end marker: found {len(encoded)} bytes"
        raise ImageLostError("image-truncated", Issue.of("image-truncated", message, path))
    if options.exif == "error" and image.orientation != 1:
        message = f"EXIF orientation: found {image.orientation}, expected 1 (--exif error)"
        raise ImageLostError("exif-orientation", Issue("exif-orientation", "error", message, path))
    sample.annotation, sample.image = annotation.found_at(path, image, pair.split), image
    for check in _CLAIMS_ABOUT_IMAGE:
        if found := check(sample):
            outcome.issues += [issue for issue in found if not _is_settled(issue, sample, options)]
    return encoded


def _encoded_anew(encoded: bytes, path: str, options: Options, outcome: Outcome) -> bytes:
    """The image as `--image-format` says, if there are readers of the record that do not take it as it is."""
    from annotools.images.transcode import transcode, why_transcode

    reason = why_transcode(encoded, path)
    if reason is None:
        return encoded
    found, _ = transcode(encoded, options.image_format, path)
    outcome.repairs.append(Repair("image-format", f"the image is now {options.image_format}: {reason}", path))
    return found


def _is_settled(issue: Issue, sample: Sample, options: Options) -> bool:
    """Whether a wrong claim about the image is repaired, or is said already by the choice of the frame."""
    fix = RULES_BY_ID[issue.rule].fix
    if fix is not None and fix in options.fixes:
        return True
    if issue.rule != "size-mismatch":
        return False
    assert sample.image is not None
    return turn_boxes.frame_of(sample.annotation.size, sample.image) == "upright"


def _judge_objects(
    sample: Sample, frame: Frame, options: Options, outcome: Outcome
) -> tuple[Annotation, list[str]]:
    """The annotation after the repairs that were asked for, without its faulty objects, boxes in the frame of
    the output; and for each object that is gone, the rule or repair that took it."""
    width, height = frame.box_size
    image, one_based = sample.image, sample.one_based
    repaired = repair(
        sample.annotation, options.fixes, width=width, height=height, image=image, one_based=one_based
    )
    outcome.repairs += repaired.repairs
    sample.annotation = annotation = repaired.annotation
    # Indices count the objects of the file.
    sample.kept = kept = repaired.kept
    sample.width, sample.height = width, height
    lost = {r.object_index: r.fix for r in repaired.repairs if r.object_index not in kept}
    # The first fault of an object names its loss, and what the reader could not read is not judged again.
    if outcome.issues:
        for issue in outcome.issues:
            if issue.severity == "error":
                lost.setdefault(issue.object_index, issue.rule)
        sample.unread = objects_with_errors(outcome.issues)
    found: list[Issue] = []
    for check in _COSTLY if image is None else _COSTLY_WITH_IMAGE:
        found += check(sample)
    if found:
        _judge(found, sample.unread, lost, outcome)
    lost.pop(None, None)

    move = box_mapping(frame, image, one_based=one_based)
    if lost or move is not None:
        objects = tuple(o for o, i in zip(annotation.objects, kept, strict=True) if i not in lost)
        if move is not None:
            objects = tuple(moved(o, move, one_based=one_based) for o in objects)
        annotation = dataclasses.replace(annotation, objects=objects)
    return annotation, list(lost.values())


def _judge(
    found: list[Issue], unread: frozenset[int | None], lost: dict[int | None, str], outcome: Outcome
) -> None:
    """Report findings, and let each cost what its rule says."""
    deleted = {issue.object_index for issue in found if issue.rule == "object-deleted"}
    for issue in found:
        cost = RULES_BY_ID[issue.rule].cost
        index = issue.object_index
        if cost == "nothing" or (index is not None and index in unread):
            continue
        if index in deleted and issue.rule != "object-deleted":
            continue
        outcome.issues.append(issue)
        if cost == "object":
            lost.setdefault(index, issue.rule)
        elif cost == "image":
            raise ImageLostError(issue.rule)
        else:
            raise DataError(str(issue), issues=[issue])


def _turned_upright(encoded: bytes, annotation: Annotation) -> bytes:
    assert annotation.image is not None
    try:
        return turn_pixels.upright(encoded, annotation.image, annotation.image_path)[0]
    except ImageError as error:
        issue = Issue.from_error("image-unreadable", error, annotation.image_path)
        raise ImageLostError("image-unreadable", issue) from None


def _check_image(example: Example, annotation: Annotation, options: Options) -> None:
    """One image that the format's readers cannot decode would make the whole folder unreadable for them."""
    try:
        options.format.check_image(example)
    except ImageError as error:
        error.path = annotation.image_path
        issue = Issue.from_error("image-format", error, None)
        raise ImageLostError("image-format", issue) from None
