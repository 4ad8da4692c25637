"""`annotools report`: one self-contained HTML file about a data set, with pictures and without a network."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from annotools.files.whole import whole_file
from annotools.issues import RULES_BY_ID
from annotools.options import takes
from annotools.sources.storage import printable
from annotools.view.cards import Card, Colors
from annotools.view.changes import Changes, find_changes
from annotools.view.charts import heat, make_charts
from annotools.view.columns import read_columns
from annotools.view.findings import Finding, Findings, find
from annotools.view.gallery import Gallery, make_gallery
from annotools.view.options import ReportOptions, StrPath
from annotools.view.overview import make_notes
from annotools.view.palette import color
from annotools.view.pictures import open_album
from annotools.view.stats import Stats, figures_of

TEMPLATES: Final = Path(__file__).with_name("templates")
CLAIMS: Final = 60
HEATS: Final = 40
"""Classes whose centres are drawn in the table."""
_HINTS: Final = 20
_CLAIM_RULES: Final = frozenset({"size-mismatch", "size-zero", "size-missing", "exif-orientation"})


@dataclass(frozen=True, slots=True)
class Report:
    """What has been written. `stats` has the figures of the page, `findings` counts by severity."""

    path: str
    bytes: int
    pictures: int
    stats: Stats
    findings: dict[str, int]
    changes: Changes | None = None


@takes(ReportOptions)
def report(source: StrPath, output: StrPath, options: ReportOptions) -> Report:
    """Write a report on a data set as one HTML file: overview, charts, pictures with boxes, findings.

    source      anything that `annotools.read` takes
    against     an earlier version of it: what changed, with pictures
    split       one split only
    image_size  (H, W) or one number: the input of the detector, as for `annotools.stats`
    pictures, findings   the most that are in the page; `seed` says which pictures come by chance
    quick       pictures that only look alike are not searched, which decodes every image
    classes, annotations, image_folder   as for `annotools.convert`
    workers     processes that run the rules

    The same input gives the same bytes. Raises SourceError where there is nothing to read, OutputError where
    the file cannot be written. Faulty data never raises.
    """
    folders: dict[str, Any] = {"annotations": options.annotations, "image_folder": options.image_folder}
    columns = read_columns(source, options.split, **folders)
    figures = figures_of(columns, os.fspath(source), options.figures)
    album = open_album(source, classes=options.classes, **folders)
    index_of = dict(album.classes)
    colors = Colors(album.path, index_of)
    findings = find(album, options)
    gallery = make_gallery(album, findings, colors, options)
    changes = None
    if options.against is not None:
        old = open_album(options.against, classes=options.classes)
        changes = find_changes(old, album, colors, options)
    page = _render(
        _numbers(figures, findings)
        | _about_classes(figures, index_of, gallery)
        | _about_findings(findings, gallery, options.findings)
        | {"changes": changes, "drawn": make_charts(figures, columns, index_of), "gallery": gallery}
    )
    data = page.encode("utf-8")
    with whole_file(output) as file:
        file.write(data)
    return Report(
        path=os.fspath(output),
        bytes=len(data),
        pictures=len(gallery.cards),
        stats=figures,
        findings=findings.severities,
        changes=changes,
    )


def _render(values: dict[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader  # 60 ms that no other command waits for
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"name": printable, "cut": _cut}
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return environment.get_template("report.html.j2").render(
        values,
        script=Markup(script),
        script_hash=Markup(f"sha256-{digest}"),
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _json(value: Any) -> Any:
    """JSON that can stand in a <script>: ASCII, and nothing in it ends the element."""
    from markupsafe import Markup

    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _numbers(figures: Stats, findings: Findings) -> dict[str, Any]:
    images = figures.images
    counts = findings.severities
    numbers: list[tuple[str, int]] = [
        ("images", images.found),
        ("without objects", images.negative),
        ("objects", figures.objects),
        ("classes", len(figures.classes)),
        ("most objects in an image", images.most_objects),
        ("errors", counts["error"]),
        ("warnings", counts["warning"]),
    ]
    for label, count in (
        ("without an annotation file", images.without_annotation),
        ("annotations that cannot be read", sum(images.lost.values())),
        ("annotations without an image", images.without_image),
        ("images that cannot be read", images.unreadable_image),
        ("objects without a box", figures.objects_without_box),
        ("boxes without extent", figures.objects_without_extent),
        *((flag, values["set"]) for flag, values in figures.flags.items()),
    ):
        if count:
            numbers.append((label, count))
    numbers += [(f"images of {printable(split.name)}", split.images) for split in figures.splits]
    return {
        "source": printable(figures.source),
        "stats": figures,
        "stats_json": _json(figures.as_dict()),
        "numbers": [(label, f"{count:,}") for label, count in numbers],
        "notes": make_notes(figures, findings),
        "hints": _first_of_each(figures),
    }


def _first_of_each(figures: Stats) -> list[Any]:
    seen: dict[str, int] = {}
    shown = []
    for hint in figures.hints:
        seen[hint.kind] = seen.get(hint.kind, 0) + 1
        if seen[hint.kind] <= _HINTS:
            shown.append(hint)
    return shown


def _about_classes(figures: Stats, index_of: dict[str, int], gallery: Gallery) -> dict[str, Any]:
    splits = [split.name for split in figures.splits]
    head = ["objects", "share", "images", *map(printable, splits), "side", "5%", "95%", "w/h", "at border"]
    rows = []
    for place, one in enumerate(figures.classes):
        side, aspect = one.boxes.side, one.boxes.aspect
        border = one.boxes.touching / one.boxes.measured if one.boxes.measured else 0.0
        cells: list[tuple[float, str]] = [(one.objects, f"{one.objects:,}"), (one.share, f"{one.share:.1%}")]
        cells += [(one.images, f"{one.images:,}")]
        cells += [(one.splits[name], f"{one.splits[name]:,}") for name in splits]
        cells += [(side[at], f"{side[at]:.0f}") if side else (0.0, "-") for at in (3, 1, 5)]
        cells += [(aspect[3], f"{aspect[3]:.2f}") if aspect else (0.0, "-"), (border, f"{border:.0%}")]
        rows.append(
            {
                "name": printable(one.name),
                "color": color(index_of.get(one.name)),
                "cells": cells,
                "heat": heat(one.boxes.centres) if place < HEATS else None,
            }
        )
    places = {row["name"]: str(place) for place, row in enumerate(rows)}
    return {
        "class_columns": [("class", False), *((label, True) for label in head), ("centres", False)],
        "class_rows": rows,
        "indices": lambda names: " ".join(places[name] for name in names if name in places),
        "claims": [card for card in gallery.cards if _is_claim(card)][:CLAIMS],
    }


def _is_claim(card: Card) -> bool:
    wrong = card.claim is not None and card.claim != card.size and all(card.claim)
    return wrong and not _CLAIM_RULES.isdisjoint(card.rules)


def _about_findings(findings: Findings, gallery: Gallery, limit: int) -> dict[str, Any]:
    shown = findings.shown(limit)
    number_of = {id(finding): card.number for card in gallery.cards for finding in card.findings}
    rows = [_row(finding, number_of.get(id(finding), -1)) for finding in shown]
    rules = [asdict(RULES_BY_ID[rule]) | {"count": f"{count:,}"} for rule, count in findings.counts.items()]
    return {
        "findings": findings,
        "rules": rules,
        "rows": rows,
        "card_rules": [rule for rule in findings.counts if any(rule in card.rules for card in gallery.cards)],
        "findings_json": _json({"rows": rows, "fixes": {rule["id"]: rule["fix"] for rule in rules}}),
    }


def _row(finding: Finding, picture: int) -> Sequence[Any]:
    line = finding.line or 0
    return [finding.severity, finding.rule, finding.path, line, finding.found, finding.expected, picture]
