"""Pascal VOC XML in; typed records, pickle and sharded TFRecord out.

    for annotation in annotools.read("VOCdevkit/VOC2007", split="train"): ...
    annotation = annotools.parse(xml_bytes, path="a.xml")
    result = annotools.convert("VOCdevkit/VOC2007", "out", to="tfrecord", shards=8)
    issues = annotools.validate("VOCdevkit/VOC2007")
    repairs = annotools.fix("VOCdevkit/VOC2007", "repaired", fixes="clip,drop-zero-area").repairs
    faults = annotools.verify("out", against="VOCdevkit/VOC2007").faults

The training side, which needs TensorFlow, is `annotools.loader` and `annotools.augment`.

Names are loaded on first use: importing the package costs nothing but the standard library, because the
pytest plug-in imports it in every pytest run of every project that has it installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap as ClassMap
    from annotools.conversion.result import ConvertResult as ConvertResult
    from annotools.conversion.run import convert as convert
    from annotools.errors import AnnotoolsError as AnnotoolsError
    from annotools.errors import ImageError as ImageError
    from annotools.errors import ParseError as ParseError
    from annotools.evaluation.evaluate import evaluate as evaluate
    from annotools.evaluation.result import Evaluation as Evaluation
    from annotools.formats.voc import parse as parse
    from annotools.formats.voc import to_xml as to_xml
    from annotools.issues import DataError as DataError
    from annotools.issues import Issue as Issue
    from annotools.ledger import Ledger as Ledger
    from annotools.records import Annotation as Annotation
    from annotools.records import Box as Box
    from annotools.records import Example as Example
    from annotools.records import Image as Image
    from annotools.records import Object as Object
    from annotools.records import Part as Part
    from annotools.repair.fix import fix as fix
    from annotools.repair.result import FixResult as FixResult
    from annotools.sources.read import read as read
    from annotools.validation.result import ValidationResult as ValidationResult
    from annotools.validation.validate import validate as validate
    from annotools.verification.verify import VerifyResult as VerifyResult
    from annotools.verification.verify import verify as verify
    from annotools.view.diff import Diff as Diff
    from annotools.view.diff import diff as diff
    from annotools.view.report import Report as Report
    from annotools.view.report import report as report
    from annotools.view.sheet import Sheet as Sheet
    from annotools.view.sheet import show as show
    from annotools.view.stats import Stats as Stats
    from annotools.view.stats import stats as stats

__version__ = "0.2.0"

_HOME = {
    "ClassMap": "annotools.classes.class_map",
    "convert": "annotools.conversion.run",
    "evaluate": "annotools.evaluation.evaluate",
    "Evaluation": "annotools.evaluation.result",
    "ConvertResult": "annotools.conversion.result",
    "VerifyResult": "annotools.verification.verify",
    "verify": "annotools.verification.verify",
    "Diff": "annotools.view.diff",
    "diff": "annotools.view.diff",
    "Report": "annotools.view.report",
    "report": "annotools.view.report",
    "Sheet": "annotools.view.sheet",
    "show": "annotools.view.sheet",
    "Stats": "annotools.view.stats",
    "stats": "annotools.view.stats",
    "AnnotoolsError": "annotools.errors",
    "DataError": "annotools.issues",
    "ImageError": "annotools.errors",
    "ParseError": "annotools.errors",
    "parse": "annotools.formats.voc",
    "to_xml": "annotools.formats.voc",
    "Issue": "annotools.issues",
    "Ledger": "annotools.ledger",
    "read": "annotools.sources.read",
    "Annotation": "annotools.records",
    "Box": "annotools.records",
    "Example": "annotools.records",
    "Image": "annotools.records",
    "Object": "annotools.records",
    "Part": "annotools.records",
    "ValidationResult": "annotools.validation.result",
    "validate": "annotools.validation.validate",
    "FixResult": "annotools.repair.result",
    "fix": "annotools.repair.fix",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    try:
        module = _HOME[name]
    except KeyError:
        raise AttributeError(f"module 'annotools' has no attribute {name!r}") from None
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
