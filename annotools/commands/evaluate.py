"""`annotools evaluate`: flags to keyword arguments, the result to text or JSON."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from annotools.commands.colour import paint
from annotools.commands.flags import add_flags, keywords
from annotools.evaluation.options import EvaluateOptions
from annotools.files.columns import table
from annotools.sources.storage import printable

if TYPE_CHECKING:
    from annotools.evaluation.result import ClassScores, Evaluation


EXAMPLES = """\
    annotools evaluate VOCdevkit/VOC2007 detections.json --split test
"""


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="what `annotools.read` takes, or a folder that `convert` wrote")
    parser.add_argument(
        "detections",
        help="COCO results (.json), or a folder with the VOC devkit's comp4_det_test_<class>.txt",
    )
    add_flags(parser, EvaluateOptions)
    parser.add_argument("--format", default="text", choices=["text", "json"])


def run_evaluate(args: argparse.Namespace) -> int:
    """Print the result; 0, however good the detector is."""
    from annotools.evaluation.evaluate import evaluate

    result = evaluate(args.source, args.detections, **keywords(EvaluateOptions, args))
    print(to_json(result) if args.format == "json" else to_text(result))
    return 0


def to_json(result: Evaluation) -> str:
    """schemas/evaluation.schema.json. ASCII, for names may hold anything."""
    return json.dumps(result.as_dict(), indent=2, allow_nan=False)


def to_text(result: Evaluation) -> str:
    """What was compared, a line for each class, errors by kind, and the mean last."""
    return "\n".join([*_compared(result), "", *_classes(result), "", *_errors(result), "", *_means(result)])


def _compared(result: Evaluation) -> list[str]:
    difficult = sum(one.difficult for one in result.classes)
    lines = [
        f"{result.images} images ({result.silent} without detections), {result.objects} objects"
        + (f" and {difficult} difficult ones that do not count" if difficult else "")
        + f", {result.detections} detections; boxes {result.box_origin}"
    ]
    ledger = result.ledger.as_dict()
    for what, lost in (("images", "skipped"), ("objects", "dropped")):
        if codes := ledger[what][lost]:
            told = ", ".join(f"{code} {count}" for code, count in codes.items())
            lines.append(f"left out: {sum(codes.values())} {what} ({told})")
    if result.detections_left_out:
        lines.append(f"left out: {result.detections_left_out} detections on images that were left out")
    return lines


def _classes(result: Evaluation) -> list[str]:
    header = ["class", "objects", "detections", "voc07", "voc10", "coco", "best F1", "at score"]
    return list(table([header, *(_class_row(one) for one in result.classes)]))


def _class_row(one: ClassScores) -> list[str]:
    f1, score = one.curve.best_f1()
    numbers = [_number(value) for value in (one.voc07, one.voc10, one.coco, f1, score)]
    return [printable(one.name), str(one.objects), str(one.detections), *numbers]


def _errors(result: Evaluation) -> list[str]:
    said = "" if result.min_score is None else f", score {result.min_score:g} or more"
    told = ", ".join(f"{kind} {count}" for kind, count in result.errors.items())
    lines = [f"errors at IoU {result.iou:g}{said}: {told}"]
    names = [one.name for one in result.classes]
    pairs = [
        (int(result.confusion[row, column]), names[row], names[column])
        for row in range(len(names))
        for column in range(len(names))
        if row != column and result.confusion[row, column]
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    lines += [f"  {count} {printable(row)} taken for {printable(column)}" for count, row, column in pairs[:5]]
    return lines


def _means(result: Evaluation) -> list[str]:
    lines = []
    if result.unscored:
        names = ", ".join(map(printable, result.unscored))
        lines.append(f"without an object that counts, not in the mean: {names}")
    at = result.coco_by_iou
    means = ", ".join(f"{form} {_number(value)}" for form, value in result.forms.items())
    lines.append(f"all forms: {means} (AP50 {_number(at[0.5])}, AP75 {_number(at[0.75])})")
    where = "" if result.form == "coco" else f" at IoU {result.iou:g}"
    lines.append(paint(f"mAP {_number(result.map)} ({result.form}{where})", "bold"))
    return lines


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"
