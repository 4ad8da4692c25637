"""All checks: whatever the files of this folder declare with `@finds` or `@finds_in_data_set`.

A new rule is a row in `annotools.issues.RULES`, a function in the file of its topic, a section of
docs/rules.md and a folder of cases in tests/data/voc. `validate`, `convert`, Beam and the pytest plug-in find
it here. The order of the files, and of the functions in them, is the order of findings at one place.
"""

from __future__ import annotations

from annotools.issues import RULES, RULES_BY_ID
from annotools.validation.rules import (
    box,
    classes,
    dataset,
    duplicates,
    file,
    image,
    names,
    objects,
    overlap,
)
from annotools.validation.rules.rule import Check, DataSetCheck

__all__ = ["CHECKS", "DATA_SET_CHECKS", "RULES", "RULES_BY_ID"]

_TOPICS = (file, image, names, box, objects, overlap, classes, dataset, duplicates)
_declared = [one for topic in _TOPICS for one in vars(topic).values()]

CHECKS = tuple(one for one in _declared if isinstance(one, Check))
DATA_SET_CHECKS = tuple(one for one in _declared if isinstance(one, DataSetCheck))
