"""`annotools.evaluate`: detections against the ground truth of a source."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from annotools.evaluation.average_precision import area, eleven_points, hundred_points, make_curve
from annotools.evaluation.detection_files import from_coco
from annotools.evaluation.detections import Given, from_dict, on_truth
from annotools.evaluation.devkit_files import from_devkit
from annotools.evaluation.errors import KINDS, NEAR, count_confusion, count_kinds, find_kinds
from annotools.evaluation.matching import NEITHER, TRUE, match_coco, match_devkit
from annotools.evaluation.options import EvaluateOptions, StrPath
from annotools.evaluation.overlaps import find_overlaps
from annotools.evaluation.result import ClassScores, Evaluation
from annotools.evaluation.tables import Detections, Ints, Truth
from annotools.evaluation.truth import read_truth
from annotools.options import takes


@takes(EvaluateOptions)
def evaluate(
    source: StrPath, detections: Mapping[Any, Any] | StrPath, options: EvaluateOptions
) -> Evaluation:
    """Average precision, curves, confusion of classes and errors by kind.

    source       anything that `annotools.read` takes, or a folder that `convert` wrote
    detections   {image id: (boxes (R, 4), scores (R,), labels (R,))}: boxes xyxy, edges in pixels of the
                 original image; ids and labels as the loader has them: the file name without extension, and
                 the id of the class map less 1; rows with label -1 are padding. Or a COCO results file
                 (.json); or a folder with the text files of the VOC devkit, comp4_det_test_<class>.txt
    split        None: the whole source, each image once
    classes      a ClassMap or class file; None: that of the output, else the sorted names of the whole
                 source, as `convert` and the loader have them
    form         which of the three forms `.map` and `.ap` give: "voc07" (11 points), "voc10" (area under the
                 curve), "coco" (101 points, mean over IoU 0.5 to 0.95). All are computed
    iou          at which a detection is right, in the two VOC forms, the curves and the errors
    difficult    "ignore", as the devkit: neither to be found nor wrong; "count": objects like any other
    min_score    confusion and errors look at detections with this score or more; None: at all. Average
                 precision always looks at all
    box_origin   "as-written" or "one-based" numbers, for both sides where both have to be read: XML and the
                 devkit's text files. None: as the output was converted; "one-based" with text files, which
                 count pixels from 1; else "as-written". It has to be what the detector was trained with
    on_error     "fail": a faulty object or image is a DataError; "skip": it is left out, and counted
    annotations, image_folder   as for `annotools.conversion`
    instances    for a COCO results file: the file with the images and categories that its ids mean

    Images without detections count; so do detections on images without objects. Raises DataError,
    OptionError, and DetectionError with path, line or field for an unknown image or label, a number that is
    not finite, a wrong shape or a box with its corners exchanged.
    """
    textual = not isinstance(detections, Mapping) and os.path.isdir(detections)
    truth, origin = read_truth(source, options, "one-based" if textual else "as-written")
    if options.difficult == "count":
        truth = replace(truth, difficult=np.zeros(len(truth), bool))
    found = on_truth(_given(detections, truth, options, origin), truth)
    classes, confusion = _score(truth, found, options)
    return Evaluation(
        form=options.form,
        iou=options.iou,
        split=options.split,
        box_origin=origin,
        difficult=options.difficult,
        min_score=options.min_score,
        classes=classes,
        confusion=confusion,
        images=len(truth.images),
        silent=found.silent,
        ledger=truth.ledger,
        detections_left_out=found.left_out,
    )


def _given(
    detections: Mapping[Any, Any] | StrPath, truth: Truth, options: EvaluateOptions, origin: str
) -> Given:
    if isinstance(detections, Mapping):
        return from_dict(detections, truth.classes)
    path = os.fspath(detections)
    if os.path.isdir(path):
        return from_devkit(path, truth.classes, options.split, one_based=origin == "one-based")
    instances = None if options.instances is None else os.fspath(options.instances)
    return from_coco(path, truth.classes, truth.images, instances)


def _score(
    truth: Truth, detections: Detections, options: EvaluateOptions
) -> tuple[tuple[ClassScores, ...], Ints]:
    iou, min_score = options.iou, options.min_score
    overlaps = find_overlaps(truth, detections, min(NEAR, iou))
    matches = match_devkit(truth, detections, overlaps, iou)
    coco = match_coco(truth, detections, overlaps)
    # what is below min_score comes last and takes nothing from those before it
    seen = matches if min_score is None else matches.above(int(np.sum(detections.score >= min_score)))
    kinds = find_kinds(truth, detections, overlaps, seen)
    errors = count_kinds(truth, detections, kinds, seen)
    confusion = count_confusion(truth, detections, overlaps, seen)

    scores = []
    for place, (name, number) in enumerate(truth.classes.ids.items()):
        own = detections.label == place
        objects = truth.label == place
        counted = int(np.sum(objects & ~truth.difficult))
        curve = make_curve(matches.outcome[own], detections.score[own], counted)
        coco_curves = [make_curve(one[own], detections.score[own], counted) for one in coco]
        scores.append(
            ClassScores(
                name=name,
                label=number - 1,
                objects=counted,
                difficult=int(np.sum(objects)) - counted,
                detections=int(np.sum(own)),
                true_positives=int(np.sum(matches.outcome[own] == TRUE)),
                ignored=int(np.sum(matches.outcome[own] == NEITHER)),
                voc07=eleven_points(curve),
                voc10=area(curve),
                coco_by_iou=np.array([hundred_points(one) for one in coco_curves]),
                curve=curve,
                errors=dict(zip(KINDS, errors[place].tolist(), strict=True)),
            )
        )
    return tuple(scores), confusion
