"""What an evaluation may be asked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from annotools.errors import OptionError
from annotools.options import BOX_ORIGINS, annotation_folder, check, image_folder, on_error, option, options

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap

StrPath = str | os.PathLike[str]
FORMS = ("voc07", "voc10", "coco")
DIFFICULT = ("ignore", "count")
WHOLE = "all"


def _split(text: str) -> str | None:
    return None if text == WHOLE else text


@options
class EvaluateOptions:
    """The keywords of `annotools.evaluate` and the flags of the command; `evaluate` says what they mean."""

    split: str | None = option(
        default="test", read=_split, metavar="NAME", help=f"default: {{default}}; {WHOLE}: the whole source"
    )
    classes: ClassMap | StrPath | None = option(
        default=None, metavar="FILE", help="class file: .txt, .json or label map .pbtxt"
    )
    form: str = option(default="voc10", choices=FORMS, help="of the mAP; default: {default}")
    iou: float = option(default=0.5, read=float, metavar="X", help="of a hit; default: {default}")
    difficult: str = option(
        default="ignore", choices=DIFFICULT, help="default: {default}, as the VOC devkit does"
    )
    min_score: float | None = option(
        default=None, read=float, metavar="X", help="of the confusion and the errors; mAP looks at all"
    )
    box_origin: str | None = option(
        default=None,
        choices=BOX_ORIGINS,
        help="of XML and text files; default: one-based with text files, as-written without",
    )
    on_error: str = on_error()
    annotations: StrPath | None = annotation_folder()
    image_folder: StrPath | None = image_folder()
    instances: StrPath | None = option(
        default=None, metavar="FILE", help="COCO file that the ids in COCO results belong to"
    )

    def __post_init__(self) -> None:
        check(self)
        if not 0 < self.iou <= 1:
            raise OptionError("not an IoU", field="--iou", found=self.iou, expected="above 0, at most 1")

    @property
    def class_map(self) -> ClassMap | None:
        from annotools.classes.class_map import ClassMap  # `annotools --help` does not wait for it

        if self.classes is None or isinstance(self.classes, ClassMap):
            return self.classes
        return ClassMap.from_file(self.classes)
