"""What validate, fix, classes and the parser say."""

from __future__ import annotations

import functools
import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import generated
import layouts
from conversions import FIXES
from net import ALWAYS, Net, attempt, group, run_command, run_json

DEPTHS = ("none", "header", "decode")
FIX_NAMES = ("box-from-shape", "map-classes", *FIXES.split(","))
COMMON = ["--quiet", "--workers", "1"]


def record_checks(net: Net, data: Path, sets: dict[str, Path], cases: Path | None) -> None:
    """`data`: a copy of tests/data; `cases`: a folder of numbered folders of small data sets."""
    for name, source in sets.items():
        validate(net, f"validate/{name}", source)
    record_case_folders(net, data / "voc", "validate/case")
    if cases is not None:
        for folder in sorted(cases.glob("*/*")):
            if folder.is_dir():
                validate(net, f"validate/shared/{folder.relative_to(cases).as_posix()}", folder)
    if net.wants("validate/messy"):
        record_reports(net)
    if net.wants("validate/layout"):
        record_layouts(net)
    if net.wants("fix"):
        record_fixes(net)
    if net.wants("parse"):
        record_parsing(net, data)
    if net.wants("classes"):
        record_classes(net, data, sets)


def validate(net: Net, name: str, source: Path, flags: list[str] | None = None) -> None:
    """The JSON report at each depth; the decoded one stands apart, as it depends on Pillow."""
    if not net.wants(name):
        return
    given = flags or []
    said = {}
    for depth in DEPTHS:
        how = given if "--images" in given else [*given, "--images", depth]
        said[depth] = run_json("validate", source, "--format", "json", *COMMON, *how)
    decoded = said.pop("decode")
    net.add_said(name, said, where=group("pillow") if "decode" in given else ALWAYS)
    net.add_said(f"{name}/decoded", decoded, where=group("pillow"))


def record_case_folders(net: Net, voc: Path, name: str) -> None:
    for expected in sorted([*voc.glob("invalid/*/*/expect.txt"), *voc.glob("clean/*/*/expect.txt")]):
        case = expected.parent
        flags, source = [], case
        if (case / "options.json").exists():
            options = json.loads((case / "options.json").read_text(encoding="utf-8"))
            source = case / options.pop("source", ".")
            if "classes" in options:
                options["classes"] = str(case / options["classes"])
            for key, value in options.items():
                flags += [f"--{key.replace('_', '-')}", value]
        validate(net, f"{name}/{case.relative_to(voc).as_posix()}", source, flags)


def record_reports(net: Net) -> None:
    """A data set with every kind of fault: each form of the report, each option."""
    source = generated.make_messy(Path("messy-validated"))
    for form in ("text", "json", "junit", "sarif"):
        said = run_command("validate", source, "--format", form, *COMMON)
        net.add(f"validate/messy/form-{form}", json.dumps(said))
    options: dict[str, list[str]] = {
        "workers-2": ["--workers", "2"],
        "strict": ["--strict"],
        "select": ["--select", "box-*,image-missing"],
        "extend": ["--extend-select", "schema"],
        "ignore": ["--ignore", "box-inverted,size-*"],
        "severity": ["--severity", "box-outside-image=warning"],
        "one-based": ["--box-origin", "one-based"],
        "bad-rule": ["--select", "box-outsid-image"],
    }
    for case, flags in options.items():
        said = run_json("validate", source, "--format", "json", *COMMON, *flags)
        net.add_said(f"validate/messy/{case}", said)
    baseline = Path("baseline.json")
    run_command("validate", source, *COMMON, "--write-baseline", baseline)
    net.add("validate/messy/baseline", baseline.read_bytes())
    said = run_json("validate", source, "--format", "json", *COMMON, "--baseline", baseline)
    net.add_said("validate/messy/with-baseline", said)
    validate(net, "validate/messy/depth", source)
    for name, make in (("exif", generated.make_exif), ("pictures", generated.make_pictures)):
        validate(net, f"validate/messy/{name}", make(Path(f"{name}-validated")))


def record_layouts(net: Net) -> None:
    for layout, names in layouts.LAYOUTS.items():
        name = f"validate/layout/{layout}"
        if net.wants(name):
            with net.folder(layout) as root:
                generated.make_layout(root, names)
                net.add_said(name, run_json("validate", root, "--format", "json", *COMMON))


def record_fixes(net: Net) -> None:
    import annotools

    copying = "copy_images" if "copy_images" in inspect.signature(annotools.fix).parameters else "images"
    source = generated.make_messy(Path("messy-to-fix"))
    shapes = generated.make_shapes(Path("shapes-to-fix"))
    every = ",".join(FIX_NAMES)
    cases: dict[str, tuple[Path, dict[str, Any]]] = {
        **{name: (source, {"fixes": name}) for name in FIX_NAMES if name != "map-classes"},
        "map-classes": (source, {"fixes": "map-classes", "class_names": {"Shoes": "shoes"}}),
        "all": (source, {"fixes": every, "class_names": {"Shoes": "shoes"}}),
        "all-one-based": (source, {"fixes": FIXES, "box_origin": "one-based"}),
        "without-images": (source, {"fixes": "clip", copying: "none"}),
        "linked": (source, {"fixes": "extension-from-content", copying: "link"}),
        "dry-run": (source, {"fixes": FIXES, "dry_run": True}),
        "unknown": (source, {"fixes": "clp"}),
        "shapes": (shapes, {"fixes": "box-from-shape"}),
    }
    for case, (data, options) in cases.items():
        name = f"fix/{case}"
        if net.wants(name):
            with net.folder() as out:
                result = attempt(functools.partial(annotools.fix, data, out, **options))
                found = result if isinstance(result, dict) else {"repairs": list(result.repairs)}
                net.add_said(f"{name}/said", found)
                if out.exists():
                    net.add_folder(name, out)
    with net.folder() as out, net.folder("report.json") as report:
        net.add_said("fix/command", run_command("fix", source, out, "--fix", FIXES, "--report", report))
        net.add("fix/command/report", report.read_bytes())


def record_parsing(net: Net, data: Path) -> None:
    """Each dialect: the record, its XML written again, the issues of its schema."""
    import annotools
    from annotools.formats import voc

    for path in sorted((data / "voc").rglob("*.xml")):
        relative = path.relative_to(data / "voc").as_posix()
        content = path.read_bytes()
        where = ALWAYS if relative.startswith("valid/") else group("lxml")
        record = attempt(lambda content=content, path=path: annotools.parse(content, path=str(path)))  # type: ignore[misc]
        again = b"" if isinstance(record, dict) else annotools.to_xml(record)
        issues = list(voc.inspect(content, str(path))[1])
        net.add_said(f"parse/{relative}", [record, again, issues], where=where)


def record_classes(net: Net, data: Path, sets: dict[str, Path]) -> None:
    import annotools

    for path in sorted((data / "classes").glob("*/*")):
        if path.suffix not in (".error", ".ids", ".md"):
            name = f"classes/{path.parent.name}/{path.name}"
            found = attempt(lambda path=path: dict(annotools.ClassMap.from_file(path).ids))  # type: ignore[misc]
            net.add_said(name, found)
    for name, source in sets.items():
        with net.folder("labels.pbtxt") as labels:
            net.add_said(f"classes/{name}", run_command("classes", source))
            run_command("classes", source, "-o", labels)
            net.add(f"classes/{name}/label-map", labels.read_bytes())
    for path in sorted((data / "pickles").glob("*.pkl")):
        from annotools.formats import ssd_pickle

        net.add_said(f"classes/pickles/{path.name}", attempt(lambda path=path: ssd_pickle.read(path)))  # type: ignore[misc]


def copy(folder: Path, name: str) -> Path:
    """A copy in the working folder, so that every path is relative and nothing of the original is touched."""
    shutil.copytree(folder, name, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    return Path(name)
