"""What an evaluation says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotools.evaluation.average_precision import Curve, mean
from annotools.evaluation.errors import KINDS
from annotools.evaluation.matching import COCO_IOUS
from annotools.evaluation.options import FORMS
from annotools.evaluation.tables import Floats, Ints
from annotools.ledger import Ledger


@dataclass(frozen=True, slots=True, eq=False)
class ClassScores:
    """One class. Average precisions are NaN where `objects` is 0.

    label        as the loader has it: the id of the class map less 1
    objects      those that count
    difficult    those that do not
    detections   of this class
    true_positives, ignored   of them, at `iou`; ignored: on difficult objects
    voc07, voc10 average precision at `iou`
    coco_by_iou  (10,) average precision of the COCO form at IoU 0.5, 0.55, ... 0.95
    curve        precision and recall at `iou`
    errors       {kind: count}
    """

    name: str
    label: int
    objects: int
    difficult: int
    detections: int
    true_positives: int
    ignored: int
    voc07: float
    voc10: float
    coco_by_iou: Floats
    curve: Curve
    errors: Mapping[str, int]

    @property
    def coco(self) -> float:
        return mean(self.coco_by_iou)

    def as_dict(self) -> dict[str, Any]:
        f1, score = self.curve.best_f1()
        return {
            "name": self.name,
            "label": self.label,
            "objects": self.objects,
            "difficult": self.difficult,
            "detections": self.detections,
            "true_positives": self.true_positives,
            "ignored": self.ignored,
            "ap": {form: none_for_nan(getattr(self, form)) for form in FORMS},
            "best_f1": {"f1": none_for_nan(f1), "score": none_for_nan(score)},
            "errors": dict(self.errors),
            "curve": self.curve.at_recalls(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The result of `annotools.evaluate`.

    form, iou, split, box_origin, difficult, min_score   as asked for or found out
    classes     in id order
    confusion   (C + 1, C + 1) counts, row the class of the object, column that of the detection; the last row
                is no object, the last column none found
    images      with ground truth; `silent` of them have no detection
    ledger      images and objects of the split, and what was left out by which rule
    detections_left_out   on images about which nothing is known
    """

    form: str
    iou: float
    split: str | None
    box_origin: str
    difficult: str
    min_score: float | None
    classes: tuple[ClassScores, ...]
    confusion: Ints
    images: int
    silent: int
    ledger: Ledger
    detections_left_out: int

    @property
    def map(self) -> float:
        """The mean average precision of `form`; NaN where no class has an object."""
        return self.forms[self.form]

    @property
    def ap(self) -> dict[str, float]:
        """{class: average precision of `form`}, NaN for a class without objects."""
        return {one.name: getattr(one, self.form) for one in self.classes}

    @property
    def forms(self) -> dict[str, float]:
        """{form: mean over the classes that have objects}; voc07 and voc10 at `iou`."""
        return {form: mean([getattr(one, form) for one in self.classes]) for form in FORMS}

    @property
    def coco_by_iou(self) -> dict[float, float]:
        """{IoU: mean average precision of the COCO form}: COCO's AP50 is `[0.5]`, AP75 `[0.75]`."""
        table = [one.coco_by_iou for one in self.classes]
        return {
            round(float(iou), 2): mean([row[place] for row in table]) for place, iou in enumerate(COCO_IOUS)
        }

    @property
    def curves(self) -> dict[str, Curve]:
        """{class: Curve} at `iou`, as the devkit matches."""
        return {one.name: one.curve for one in self.classes}

    @property
    def errors(self) -> dict[str, int]:
        """{kind: count} over all classes."""
        return {kind: sum(one.errors[kind] for one in self.classes) for kind in KINDS}

    @property
    def unscored(self) -> tuple[str, ...]:
        """Classes without an object that counts: they are not in the means."""
        return tuple(one.name for one in self.classes if not one.objects)

    @property
    def objects(self) -> int:
        return sum(one.objects for one in self.classes)

    @property
    def detections(self) -> int:
        return sum(one.detections for one in self.classes)

    def as_dict(self) -> dict[str, Any]:
        """Plain data as schemas/evaluation.schema.json has it; NaN becomes None."""
        return {
            "form": self.form,
            "iou": self.iou,
            "split": self.split,
            "box_origin": self.box_origin,
            "difficult": self.difficult,
            "min_score": self.min_score,
            "map": none_for_nan(self.map),
            "forms": {form: none_for_nan(value) for form, value in self.forms.items()},
            "coco_by_iou": {f"{iou:.2f}": none_for_nan(value) for iou, value in self.coco_by_iou.items()},
            "images": self.images,
            "images_without_detections": self.silent,
            "objects": self.objects,
            "difficult_objects": sum(one.difficult for one in self.classes),
            "detections": self.detections,
            "detections_left_out": self.detections_left_out,
            "ledger": self.ledger.as_dict(),
            "unscored": list(self.unscored),
            "errors": self.errors,
            "confusion": np.asarray(self.confusion).tolist(),
            "classes": [one.as_dict() for one in self.classes],
        }


def none_for_nan(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value
