"""From hits in the order of the scores to average precision, in three forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from annotools.evaluation.matching import NEITHER, TRUE, Outcomes
from annotools.evaluation.tables import Floats, Ints

_RECALLS: Final[Floats] = np.linspace(0.0, 1.0, 101)
NAN: Final = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Precision and recall of one class after each detection that counts, by falling score.

    scores     (K,)
    hits       (K,) int64: true positives so far
    objects    N, those that are to be found; 0: recall is NaN
    precision, recall   (K,)
    """

    scores: Floats
    hits: Ints
    objects: int

    @property
    def precision(self) -> Floats:
        precision: Floats = self.hits / np.arange(1, len(self.hits) + 1)
        return precision

    @property
    def recall(self) -> Floats:
        if not self.objects:
            return np.full(len(self.hits), np.nan)
        recall: Floats = self.hits / self.objects
        return recall

    @property
    def envelope(self) -> Floats:
        """(K,): the best precision at this recall or a higher one."""
        envelope: Floats = np.maximum.accumulate(self.precision[::-1])[::-1]
        return envelope

    def best_f1(self) -> tuple[float, float]:
        """(F1, score): the largest harmonic mean of precision and recall, and the score to cut at for it."""
        if not len(self.hits) or not self.objects:
            return NAN, NAN
        # detections of equal score stay or go together
        last = np.append(self.scores[1:] != self.scores[:-1], True)
        f1 = np.where(last, 2 * self.hits / (np.arange(1, len(self.hits) + 1) + self.objects), -1.0)
        place = int(f1.argmax())
        return float(f1[place]), float(self.scores[place])

    def at_recalls(self) -> dict[str, Any]:
        """Precision (envelope) and score at recall 0, 0.01, ... 1; 0 and None where that is not reached."""
        places = np.searchsorted(self.recall, _RECALLS) if self.objects else np.full(101, len(self.hits))
        reached = places < len(self.hits)
        places = np.where(reached, places, 0)
        precision, scores = np.append(self.envelope, 0.0), np.append(self.scores, 0.0)
        return {
            "precision": np.where(reached, precision[places], 0.0).tolist(),
            "score": [
                float(score) if there else None for score, there in zip(scores[places], reached, strict=True)
            ],
        }


def make_curve(outcome: Outcomes, scores: Floats, objects: int) -> Curve:
    """The curve of (K,) outcomes in the order of their scores; those that are NEITHER are left out."""
    counted = outcome != NEITHER
    return Curve(scores[counted], np.cumsum(outcome[counted] == TRUE), objects)


def eleven_points(curve: Curve) -> float:
    """VOC2007: the mean over t = 0, 0.1, ... 1 of the best precision at a recall of t or more.

    Recall is compared in integers, 10 hits >= k objects. With floats 3 of 10 do not reach 3 * 0.1.
    NaN without objects, as for the other forms.
    """
    if not curve.objects:
        return NAN
    needed = np.arange(11) * curve.objects
    places = np.searchsorted(10 * curve.hits, needed)  # the first detection with which t is reached
    return float(np.append(curve.envelope, 0.0)[places].sum() / 11)


def area(curve: Curve) -> float:
    """VOC2010 and later: the area below the envelope. Recall rises by 1 / N at each hit."""
    if not curve.objects:
        return NAN
    rises = np.diff(curve.hits, prepend=0) > 0
    return float(curve.envelope[rises].sum() / curve.objects)


def hundred_points(curve: Curve) -> float:
    """COCO: the mean of the best precision at recall 0, 0.01, ... 1, compared as floats, like pycocotools."""
    if not curve.objects:
        return NAN
    places = np.searchsorted(curve.recall, _RECALLS)
    return float(np.append(curve.envelope, 0.0)[places].mean())


def mean(values: Floats | list[float]) -> float:
    """The mean of what is not NaN; NaN if nothing is."""
    numbers = np.asarray(values, np.float64)
    numbers = numbers[~np.isnan(numbers)]
    return float(numbers.mean()) if len(numbers) else NAN
