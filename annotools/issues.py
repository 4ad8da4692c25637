"""What can be said about data: an Issue is one finding of a Rule, a DataError all that stop a run.

RULES lists every rule of `annotools validate`, and nothing but this list says how bad a rule is. How most of
them are found stands in annotools/validation/rules/, one file a topic. The others are found on the way: by
the reader of XML, by the listing of a source, by reading an image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from annotools.errors import AnnotoolsError
from annotools.records import record

Severity = Literal["error", "warning", "info"]
Topic = Literal["file", "image", "box", "dataset"]
Cost = Literal["nothing", "object", "image", "set"]
_GRAVITY = {"info": 0, "warning": 1, "error": 2}


@record
class Rule:
    """What is said of a rule, here and nowhere else.

    severity    of its findings, unless the user's settings say otherwise; a milder case may be milder
    cost        what `convert` leaves out for it: nothing, the object, the image; "set" stops the conversion.
                A finding that is milder than its rule costs nothing
    fix         the `--fix` that repairs it; a finding may name another one, or none
    doubts      fixes that are not proposed where this is an error: look at pictures first
    on_request  takes extra time or is a matter of taste; runs only when it is named in --extend-select
    """

    id: str
    topic: Topic
    severity: Severity
    summary: str
    cost: Cost = "nothing"
    fix: str | None = None
    doubts: tuple[str, ...] = ()
    on_request: bool = False


@record
class Issue:
    """One occurrence of one rule. `object_index` counts the `<object>` tags of the file from 0.

    `fix` is the `--fix` that repairs it where that is not the one of the rule; "": none does.
    """

    rule: str
    severity: Severity
    message: str
    path: str | None = None
    line: int | None = None
    object_index: int | None = None
    fix: str | None = field(default=None, compare=False, repr=False, metadata={"spare": True})

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.path, self.line) if part is not None)
        return f"{where}: {self.rule}: {self.message}" if where else f"{self.rule}: {self.message}"

    @property
    def cost(self) -> Cost:
        """What `convert` leaves out for it."""
        rule = RULES_BY_ID[self.rule]
        return "nothing" if _GRAVITY[self.severity] < _GRAVITY[rule.severity] else rule.cost

    @property
    def repair(self) -> str | None:
        """The `--fix` that repairs it, if one does."""
        if self.fix is None:
            return RULES_BY_ID[self.rule].fix if self.rule in RULES_BY_ID else None
        return self.fix or None

    @classmethod
    def of(
        cls,
        rule: str,
        message: str,
        path: str | None = None,
        line: int | None = None,
        object_index: int | None = None,
    ) -> Issue:
        """A finding of a rule of RULES, with its severity."""
        return cls(rule, RULES_BY_ID[rule].severity, message, path, line, object_index)

    @classmethod
    def from_error(cls, rule: str, error: AnnotoolsError, path: str | None) -> Issue:
        """An exception about a whole file as an issue; its path and line move out of the text."""
        bare = type(error).__new__(type(error))
        bare.__dict__.update(error.__dict__, path=None, line=None)
        return cls(rule, "error", str(bare), error.path or path, error.line)

    def as_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "path": self.path,
            "line": self.line,
            "object_index": self.object_index,
        }


class DataError(AnnotoolsError):
    """The data has problems; `issues` has every error among them, not only the first.

    `counts` says how many findings each rule has, where `issues` has examples of the milder ones only.
    """

    def __init__(
        self,
        message: str,
        *,
        issues: Sequence[Issue] = (),
        counts: Mapping[str, int] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message, **details)
        self.issues = tuple(issues)
        self.counts = counts


# fmt: off
RULES: tuple[Rule, ...] = (
    Rule("unparsable", "file", "error", "The file is not well-formed XML, or cannot be read.", cost="image"),
    Rule("wrong-root", "file", "error", "The root of the XML is not <annotation>.", cost="image"),
    Rule("encoding", "file", "error", "The bytes of the file are not in the encoding it declares.",
         cost="image"),
    Rule("missing-field", "file", "error",
         "A field without which an object cannot be used is missing or empty.", cost="object"),
    Rule("field-invalid", "file", "error", "A field holds text where a number or a flag belongs.",
         cost="object"),
    Rule("unknown-tag", "file", "info", "A tag that VOC does not define; it is kept."),
    Rule("schema", "file", "error", "The file does not satisfy schemas/voc.xsd.", on_request=True),
    Rule("empty-annotation", "file", "info", "The annotation has no objects: a negative."),
    Rule("annotation-missing", "image", "warning", "An image has no annotation file.", cost="image"),
    Rule("image-missing", "image", "error", "An annotation has no image.", cost="image"),
    Rule("image-ambiguous", "image", "error",
         "Several images fit the annotation, or several annotations the image.", cost="image"),
    Rule("image-unreadable", "image", "error", "The image's header or pixels cannot be read.", cost="image"),
    Rule("image-undecodable", "image", "error",
         "TensorFlow cannot decode the image, or decodes other pixels than a viewer shows.", cost="image"),
    Rule("image-truncated", "image", "error", "The image's data stops before its end (--images decode).",
         cost="image"),
    Rule("image-sequence", "image", "warning",
         "A GIF or WebP file, which plain tf.io.decode_image gives four dimensions."),
    Rule("image-16-bit", "image", "warning",
         "16 bits a sample, of which TensorFlow keeps the upper 8: 12-bit data become nearly black."),
    Rule("size-missing", "image", "warning", "<size> or one of its sides is missing.", fix="size-from-image"),
    Rule("size-zero", "image", "warning", "<size> says 0 pixels.", fix="size-from-image"),
    Rule("size-mismatch", "image", "error",
         "<size> is not the size of the image: scaled (an error), EXIF-rotated, swapped or unrelated.",
         cost="image", fix="size-from-image", doubts=("clip", "drop-zero-area")),
    Rule("exif-orientation", "image", "warning", "The image is stored turned; TensorFlow ignores that."),
    Rule("exif-invalid", "image", "warning", "The image's EXIF block is damaged."),
    Rule("format-extension-mismatch", "image", "warning",
         "The image is of another format than its file name says.", fix="extension-from-content"),
    Rule("depth-mismatch", "image", "warning", "<depth> is not the number of channels of the image."),
    Rule("colour-mode", "image", "warning", "CMYK (warning), grey or alpha (info) where RGB is usual."),
    Rule("filename-mismatch", "image", "warning", "<filename> is not the name of the image."),
    Rule("filename-names-other-image", "image", "warning",
         "<filename> names another image, which exists too."),
    Rule("stem-collision", "image", "warning", "Two images differ only in their extension."),
    Rule("absolute-path-leak", "image", "info", "<path> is an absolute path on one computer."),
    Rule("box-inverted", "box", "error", "xmin is above xmax, or ymin above ymax.",
         cost="object", fix="swap-inverted"),
    Rule("box-zero-area", "box", "error", "The box has no width or no height.",
         cost="object", fix="drop-zero-area"),
    Rule("box-outside-image", "box", "error", "The box leaves the image.", cost="object", fix="clip"),
    Rule("box-not-finite", "box", "error", "A coordinate is infinite or not a number.", cost="object"),
    Rule("box-missing", "box", "error", "The object has no usable <bndbox>.",
         cost="object", fix="box-from-shape"),
    Rule("box-tiny", "box", "warning", "A side of the box is shorter than 2 pixels."),
    Rule("box-whole-image", "box", "info", "The box is as big as the image."),
    Rule("part-outside-object", "box", "warning", "The box of a part lies outside its object."),
    Rule("rotated-box-ignored", "box", "warning", "The object is rotated; only its upright box is used."),
    Rule("object-deleted", "box", "info", "The object is marked as deleted (LabelMe).", cost="object"),
    Rule("duplicate-box", "box", "warning", "Two boxes of one class are equal (IoU 1).",
         fix="drop-duplicates"),
    Rule("near-duplicate-box", "box", "warning", "Two boxes of one class have an IoU over 0.95."),
    Rule("contained-same-class", "box", "info", "A box lies inside another one of its class."),
    Rule("class-unknown", "dataset", "error", "The class is not in the given class file.",
         cost="object", fix="map-classes"),
    Rule("class-case-or-blank-variant", "dataset", "warning",
         "Two class names differ only in case, blanks, hyphens or full-width forms.",
         fix="strip-class-names"),
    Rule("class-misspelt", "dataset", "warning",
         "A rare class name is one letter from a frequent one.", fix="map-classes"),
    Rule("class-rare", "dataset", "warning", "A class has hardly any objects."),
    Rule("class-imbalance", "dataset", "info", "One class has 50 times the objects of another."),
    Rule("duplicate-image", "dataset", "warning", "Two images are equal byte for byte."),
    Rule("duplicate-image-conflict", "dataset", "warning",
         "Two images are equal byte for byte, and their boxes are not."),
    Rule("near-duplicate-image", "dataset", "warning", "Two images look the same (perceptual hash).",
         on_request=True),
    Rule("leak-between-splits", "dataset", "error", "One picture is in two splits that should be apart."),
    Rule("list-names-missing-image", "dataset", "error", "A list in ImageSets names a missing image."),
    Rule("image-in-no-list", "dataset", "warning", "Images are in none of the splits that the data set has."),
    Rule("list-entry-doubled", "dataset", "warning", "A list names an image more than once."),
    Rule("split-empty", "dataset", "warning", "A split has no images."),
    Rule("split-overlap", "dataset", "error", "Two splits that should be apart have the same image."),
    Rule("outside-layout", "dataset", "warning", "Files lie outside of the folders of the data set."),
    Rule("archive-member-ignored", "dataset", "warning",
         "A member of the archive is unsafe and was left aside."),
    Rule("images-elsewhere", "dataset", "warning",
         "Images are missing, and a folder beside the source has them."),
    Rule("normalised-boxes", "dataset", "error",
         "Boxes are in shares of the image from 0 to 1 and not in pixels.", cost="set",
         doubts=("clip", "swap-inverted", "drop-zero-area")),
    Rule("many-inverted-boxes", "dataset", "error",
         "A tenth of the boxes or more are inverted: look at pictures before any are swapped.",
         doubts=("swap-inverted",)),
    Rule("coordinate-origin", "dataset", "info",
         "The boxes seem to count pixels in another way than they are read."),
    Rule("inconsistent-difficult", "dataset", "warning",
         "<difficult> is written for some objects and left out for others."),
)
"""In the order of docs/rules.md."""
# fmt: on

RULES_BY_ID = {rule.id: rule for rule in RULES}

DATA_SET_RULES = frozenset(rule.id for rule in RULES if rule.topic == "dataset")
"""The rules about a data set as a whole."""
