"""One image and its annotation, brought together: what is written of them, and what is wrong with them.

The image header decides about size and format, `<size>` is a claim to be compared with it. A fault of an
object costs that object, a fault of the image or of the whole file costs the image; what else is odd is
said as a warning and costs nothing. Nothing is repaired here.
"""

from __future__ import annotations

from annotools.conversion.example import make_example, named_as_encoded
from annotools.conversion.judge import judge_objects
from annotools.conversion.options import Options
from annotools.conversion.orientation import choose_frame
from annotools.conversion.outcome import ImageLostError, Outcome, Seen
from annotools.conversion.plan import Entry
from annotools.errors import FaultyFileError, ImageError
from annotools.formats import voc
from annotools.images import header as image_headers
from annotools.images import turn_boxes, turn_pixels
from annotools.issues import Issue
from annotools.records import Annotation, Example, maker
from annotools.repair.fixes import Repair
from annotools.repair.scaling import scale_boxes
from annotools.repair.splitting import boxes_beyond_one, split_objects
from annotools.sources.file_kinds import is_readable
from annotools.sources.source import Pair, Source
from annotools.sources.storage import HEAD
from annotools.validation.rules.catalogue import CHECKS
from annotools.validation.rules.classes import with_plain_names
from annotools.validation.rules.duplicates import NO_IMAGE, fingerprint
from annotools.validation.rules.image import annotated_size
from annotools.validation.rules.names import image_missing
from annotools.validation.rules.rule import Sample

_seen = maker(Seen)
_CLAIMS = [check.function for check in CHECKS if check.claims and not check.needs_image]
_CLAIMS_ABOUT_IMAGE = [check.function for check in CHECKS if check.claims and check.needs_image]


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
        annotation, lost = judge_objects(sample, frame, options, outcome)
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
        raise _lone_image(pair, source)
    path = source.display(pair.xml)
    try:
        data = source.read_bytes(pair.xml)
    except FaultyFileError as error:
        raise ImageLostError("unparsable", Issue.from_error("unparsable", error, path)) from None
    if "split-object" in options.fixes:
        data, splits = split_objects(data, path)
        outcome.repairs += splits
    annotation, outcome.issues = voc.inspect(data, path)
    if annotation is None:
        raise ImageLostError(next(issue.rule for issue in outcome.issues if issue.severity == "error"))
    annotation = with_plain_names(annotation)
    if outcome.issues and any(issue.fix == "split-object" for issue in outcome.issues):
        outcome.more_boxes = boxes_beyond_one(data)
    outcome.found = len(annotation.objects) + sum(outcome.more_boxes.values())
    outcome.seen = _seen(annotation, annotated_size(annotation, None))
    sample = Sample(
        annotation, data, pair, source,
        one_based=options.box_origin == "one-based", classes=options.classes,
    )  # fmt: skip
    for check in _CLAIMS:
        outcome.issues += check(sample)
    return sample


def _lone_image(pair: Pair, source: Source) -> ImageLostError:
    """What an image without annotation is lost for: it may be no image at all, but an XML file, say."""
    if pair.image is not None and is_readable(pair.image):
        try:
            source.read_header(pair.image, head=source.read_head(pair.image))
        except FaultyFileError as error:
            issue = Issue.from_error("image-unreadable", error, source.display(pair.image))
            return ImageLostError("image-unreadable", issue)
    return ImageLostError("annotation-missing")  # the source has reported it with its path


def _read_image(sample: Sample, options: Options, outcome: Outcome) -> bytes:
    """The bytes of the image, if the output holds them; the sample gets to know what its header says."""
    annotation, pair, source = sample.annotation, sample.pair, sample.source
    assert pair is not None
    assert source is not None
    if pair.image is None:
        sample.annotation = annotation.found_at(None, None, pair.split)
        # A pickle holds no pixels: a size from the XML will do, if there is one.
        blocking = options.stores_pixels or not (annotation.size and annotation.size.width)
        issue = image_missing(sample, blocking=blocking)
        outcome.is_without_image = issue.rule == "image-missing"
        if issue.severity == "error":
            raise ImageLostError(issue.rule, issue)
        outcome.issues.append(issue)
        return b""
    path = source.display(pair.image)
    encoded = b""
    try:
        if options.stores_pixels:
            encoded = source.read_bytes(pair.image)
            outcome.mark = fingerprint(encoded[:HEAD], len(encoded))
            if options.image_format != "keep":
                encoded = _encoded_anew(encoded, path, options, outcome)
            image = image_headers.read_header(encoded, path)
            sample.head = encoded
        else:
            head = source.read_head(pair.image)
            outcome.mark = fingerprint(head, len(head) if len(head) < HEAD else source.size(pair.image))
            image = source.read_header(pair.image, head=head)
    except FaultyFileError as error:
        outcome.mark = NO_IMAGE  # that two broken files are equal is no news
        raise ImageLostError("image-unreadable", Issue.from_error("image-unreadable", error, path)) from None
    if encoded and image_headers.is_truncated(encoded, image):
        message = f"the {image.format} data stops before its end marker: found {len(encoded)} bytes"
        raise ImageLostError("image-truncated", Issue.of("image-truncated", message, path))
    if options.exif == "error" and image.orientation != 1:
        message = f"EXIF orientation: found {image.orientation}, expected 1 (--exif error)"
        raise ImageLostError("exif-orientation", Issue("exif-orientation", "error", message, path))
    if "scale-boxes" in options.fixes:
        annotation, scaling = scale_boxes(annotation, image, one_based=sample.one_based)
        outcome.repairs += [] if scaling is None else [scaling]
    sample.annotation, sample.image = annotation.found_at(path, image, pair.split), image
    for check in _CLAIMS_ABOUT_IMAGE:
        for issue in check(sample):
            if _is_settled(issue, sample, options):
                continue
            if issue.cost == "image":
                raise ImageLostError(issue.rule, issue)
            outcome.issues.append(issue)
    if any(one.fix == "image-format" for one in outcome.repairs):  # encoded anew, and named so in the record
        outcome.issues = [one for one in outcome.issues if one.rule != "format-extension-mismatch"]
    return encoded


def _encoded_anew(encoded: bytes, path: str, options: Options, outcome: Outcome) -> bytes:
    """The image as `--image-format` says, if there are readers of the record that do not take it as it is."""
    from annotools.images.transcode import transcode, why_transcode

    reason = why_transcode(encoded, path)
    if reason is None:
        return encoded
    found = transcode(encoded, options.image_format, path)
    outcome.repairs.append(Repair("image-format", f"the image is now {options.image_format}: {reason}", path))
    return found


def _is_settled(issue: Issue, sample: Sample, options: Options) -> bool:
    """Whether a wrong claim about the image is repaired, or is said already by the choice of the frame."""
    if issue.repair is not None and issue.repair in options.fixes:
        return True
    if issue.rule != "size-mismatch":
        return False
    assert sample.image is not None
    return turn_boxes.frame_of(sample.annotation.size, sample.image) == "upright"


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
