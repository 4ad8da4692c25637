"""The list of all rules. A new rule is one function, one entry here, and one folder of cases in the tests.

The order is that of docs/rules.md. The severities are what a rule reports unless the user's settings say
otherwise; a few functions report a milder case under the same id with a milder severity.
"""

from __future__ import annotations

from annotools.issues import Issue
from annotools.validation.rules import box, dataset, file, image, names, overlap, status
from annotools.validation.rules import objects as classes
from annotools.validation.rules.rule import Rule, Sample


def _boxes(s: Sample) -> list[Issue]:
    return box.box_issues(s.annotation, width=s.width, height=s.height, one_based=s.one_based)


def _extents(s: Sample) -> list[Issue]:
    return box.extent_issues(s.annotation, width=s.width, height=s.height, one_based=s.one_based)


def _rotations(s: Sample) -> list[Issue]:
    return box.rotation_issues(s.annotation)


def _deleted(s: Sample) -> list[Issue]:
    return status.deleted_issues(s.annotation)


def _overlaps(s: Sample) -> list[Issue]:
    return overlap.overlap_issues(s.annotation)


def _parts(s: Sample) -> list[Issue]:
    return overlap.part_issues(s.annotation)


def _classes(s: Sample) -> list[Issue]:
    return [] if s.classes is None else classes.class_issues(s.annotation, s.classes)


def _sizes(s: Sample) -> list[Issue]:
    if s.image is not None:
        return image.size_issues(s.annotation, s.image)
    return image.claim_issues(s.annotation)


def _formats(s: Sample) -> list[Issue]:
    return [] if s.image is None else image.format_issues(s.annotation, s.image)


def _pixels(s: Sample) -> list[Issue]:
    return [] if s.image is None else image.pixel_issues(s.annotation, s.image)


def _exif(s: Sample) -> list[Issue]:
    return [] if s.head is None or s.image is None else image.exif_issues(s.annotation, s.head)


def _filenames(s: Sample) -> list[Issue]:
    return names.filename_issues(s.annotation, s.pair, s.source)


def _leaks(s: Sample) -> list[Issue]:
    return names.path_leak_issues(s.annotation)


def _unknown_tags(s: Sample) -> list[Issue]:
    return file.unknown_tag_issues(s.annotation, s.data)


def _empty(s: Sample) -> list[Issue]:
    return file.empty_issues(s.annotation)


def _blank_names(s: Sample) -> list[Issue]:
    return list(file.blank_name_issues(s))


def _schema(s: Sample) -> list[Issue]:
    from annotools.formats import voc

    return voc.schema_issues(s.data, s.annotation.xml_path)


RULES: tuple[Rule, ...] = (
    Rule("unparsable", "file", "error", "The file is not well-formed XML, or cannot be read."),
    Rule("wrong-root", "file", "error", "The root of the XML is not <annotation>."),
    Rule("encoding", "file", "error", "The bytes of the file are not in the encoding it declares."),
    Rule(
        "missing-field",
        "file",
        "error",
        "A field without which an object cannot be used is missing or empty.",
    ),
    Rule("field-invalid", "file", "error", "A field holds text where a number or a flag belongs."),
    Rule("unknown-tag", "file", "info", "A tag that VOC does not define; it is kept.", _unknown_tags),
    Rule("schema", "file", "error", "The file does not satisfy schemas/voc.xsd.", _schema, on_request=True),
    Rule("empty-annotation", "file", "info", "The annotation has no objects: a negative.", _empty),
    Rule("annotation-missing", "image", "warning", "An image has no annotation file."),
    Rule("image-missing", "image", "error", "An annotation has no image."),
    Rule("image-unreadable", "image", "error", "The image's header or pixels cannot be read."),
    Rule("image-truncated", "image", "error", "The image's data stops before its end (--images decode)."),
    Rule(
        "size-missing",
        "image",
        "warning",
        "<size> or one of its sides is missing.",
        _sizes,
        fix="size-from-image",
    ),
    Rule("size-zero", "image", "warning", "<size> says 0 pixels.", _sizes, fix="size-from-image"),
    Rule(
        "size-mismatch",
        "image",
        "warning",
        "<size> is not the size of the image: EXIF-rotated, swapped, scaled or unrelated.",
        _sizes,
        fix="size-from-image",
    ),
    Rule(
        "exif-orientation",
        "image",
        "warning",
        "The image is stored turned; TensorFlow ignores that.",
        _pixels,
    ),
    Rule("exif-invalid", "image", "warning", "The image's EXIF block is damaged.", _exif),
    Rule(
        "format-extension-mismatch",
        "image",
        "warning",
        "The image is of another format than its file name says.",
        _formats,
        fix="extension-from-content",
    ),
    Rule(
        "depth-mismatch", "image", "warning", "<depth> is not the number of channels of the image.", _pixels
    ),
    Rule(
        "colour-mode", "image", "warning", "CMYK (warning), grey or alpha (info) where RGB is usual.", _pixels
    ),
    Rule("filename-mismatch", "image", "warning", "<filename> is not the name of the image.", _filenames),
    Rule(
        "filename-names-other-image",
        "image",
        "warning",
        "<filename> names another image, which exists too.",
        _filenames,
    ),
    Rule("stem-collision", "image", "warning", "Two images differ only in their extension."),
    Rule("absolute-path-leak", "image", "info", "<path> is an absolute path on one computer.", _leaks),
    Rule(
        "box-inverted", "box", "error", "xmin is above xmax, or ymin above ymax.", _boxes, fix="swap-inverted"
    ),
    Rule("box-zero-area", "box", "error", "The box has no width or no height.", _boxes, fix="drop-zero-area"),
    Rule("box-outside-image", "box", "error", "The box leaves the image.", _boxes, fix="clip"),
    Rule("box-not-finite", "box", "error", "A coordinate is infinite or not a number.", _boxes),
    Rule("box-missing", "box", "error", "The object has no usable <bndbox>.", _boxes, fix="box-from-shape"),
    Rule("box-tiny", "box", "warning", "A side of the box is shorter than 2 pixels.", _extents),
    Rule("box-whole-image", "box", "info", "The box is as big as the image.", _extents),
    Rule("part-outside-object", "box", "warning", "The box of a part lies outside its object.", _parts),
    Rule(
        "rotated-box-ignored",
        "box",
        "warning",
        "The object is rotated; only its upright box is used.",
        _rotations,
    ),
    Rule("object-deleted", "box", "info", "The object is marked as deleted (LabelMe).", _deleted),
    Rule(
        "duplicate-box",
        "box",
        "warning",
        "Two boxes of one class are equal (IoU 1).",
        _overlaps,
        fix="drop-duplicates",
    ),
    Rule("near-duplicate-box", "box", "warning", "Two boxes of one class have an IoU over 0.95.", _overlaps),
    Rule("contained-same-class", "box", "info", "A box lies inside another one of its class.", _overlaps),
    Rule(
        "class-unknown",
        "dataset",
        "error",
        "The class is not in the given class file.",
        _classes,
        fix="map-classes",
    ),
    Rule(
        "class-case-or-blank-variant",
        "dataset",
        "warning",
        "Two class names differ only in case, blanks, hyphens or full-width forms.",
        _blank_names,
        dataset.variant_issues,
        fix="strip-class-names",
    ),
    Rule("class-rare", "dataset", "warning", "A class has hardly any objects.", census=dataset.rare_issues),
    Rule(
        "class-imbalance",
        "dataset",
        "info",
        "One class has 50 times the objects of another.",
        census=dataset.imbalance_issues,
    ),
    Rule("duplicate-image", "dataset", "warning", "Two images are equal byte for byte."),
    Rule(
        "near-duplicate-image",
        "dataset",
        "warning",
        "Two images look the same (perceptual hash).",
        on_request=True,
    ),
    Rule("leak-between-splits", "dataset", "error", "One picture is in two splits that should be apart."),
    Rule("list-names-missing-image", "dataset", "error", "A list in ImageSets names a missing image."),
    Rule("split-overlap", "dataset", "warning", "Two lists in ImageSets name the same image."),
    Rule("outside-layout", "dataset", "warning", "Files lie outside of the folders of the data set."),
    Rule(
        "archive-member-ignored",
        "dataset",
        "warning",
        "A member of the archive is unsafe and was left aside.",
    ),
    Rule(
        "coordinate-origin",
        "dataset",
        "info",
        "The boxes seem to count pixels in another way than they are read.",
        census=dataset.origin_issues,
    ),
    Rule(
        "inconsistent-difficult",
        "dataset",
        "warning",
        "<difficult> is written for some objects and left out for others.",
        census=dataset.difficult_issues,
    ),
)

RULES_BY_ID = {rule.id: rule for rule in RULES}
