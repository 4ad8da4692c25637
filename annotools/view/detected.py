"""Detections of a model as marks to draw."""

from __future__ import annotations

import os

from annotools.classes.class_map import ClassMap
from annotools.evaluation.detection_files import from_coco
from annotools.evaluation.devkit_files import from_devkit
from annotools.view.drawing import Mark
from annotools.view.options import ShowOptions
from annotools.view.pictures import Album


def read_marks(album: Album, options: ShowOptions) -> dict[str, list[Mark]]:
    """The detections with at least `min_score`, by image id, the best last. Raises DetectionError."""
    assert options.detections is not None
    file = options.classes
    classes = ClassMap.from_names(list(album.classes)) if file is None else ClassMap.from_file(file)
    path = os.fspath(options.detections)
    if os.path.isdir(path):
        given = from_devkit(path, classes, options.split, one_based=True)
    else:
        ids = [entry.id for entry in album.entries(options.split)]
        instances = None if options.instances is None else os.fspath(options.instances)
        given = from_coco(path, classes, ids, instances)
    names = list(classes)
    found: dict[str, list[Mark]] = {}
    for row in given.score.argsort(kind="stable").tolist():
        score = float(given.score[row])
        if score >= options.min_score:
            name = names[int(given.label[row])]
            xmin, ymin, xmax, ymax = given.boxes[row].tolist()
            mark = Mark((xmin, ymin, xmax, ymax), name, album.classes.get(name), note=f"{score:.2f}")
            found.setdefault(given.images[int(given.image[row])], []).append(mark)
    return found
