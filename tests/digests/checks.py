"""What validate, fix, classes and the parser say."""

from __future__ import annotations

import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import generated
import layouts
from conversions import FIXES
from inputs import pack
from net import ALWAYS, Net, attempt, group, run_command, run_json, sentences

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
        for name, source in sets.items():
            with net.folder() as out:
                net.add_said(f"fix/{name}", run_command("fix", source, out, "--fix", FIXES, "--quiet"))
                net.add_folder(f"fix/{name}", out)


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
        net.add(f"validate/messy/form-{form}", json.dumps(said), where=sentences())
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
    settings = Path("pyproject.toml")
    settings.write_text('[tool.annotools]\nselect = ["box-*"]\nseverity = {box-outside-image = "info"}\n')
    net.add_said("validate/messy/settings", run_json("validate", source, "--format", "json", *COMMON))
    settings.write_text("", "utf-8")
    listed = generated.make_listed(Path("listed-validated"))
    for kind in ("zip", "tar.gz"):
        validate(net, f"validate/messy/{kind}", pack(listed, Path(f"validated.{kind}")))
    for split in ("train", "nowhere"):
        said = run_json("validate", listed, "--format", "json", *COMMON, "--split", split)
        net.add_said(f"validate/messy/split-{split}", said)
    baseline = Path("baseline.json")
    run_command("validate", source, *COMMON, "--write-baseline", baseline)
    net.add("validate/messy/baseline", baseline.read_bytes(), where=sentences())
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
        "archive": (pack(source, Path("messy-to-fix.zip")), {"fixes": FIXES}),
    }
    for case, (data, options) in cases.items():
        name = f"fix/messy/{case}"
        if net.wants(name):
            with net.folder() as out:
                result = attempt(annotools.fix, data, out, **options)
                found = result if isinstance(result, dict) else {"repairs": list(result.repairs)}
                net.add_said(f"{name}/said", found)
                if out.exists():
                    net.add_folder(name, out)
    with net.folder() as out, net.folder("report.json") as report:
        net.add_said("fix/messy/command", run_command("fix", source, out, "--fix", FIXES, "--report", report))
        net.add("fix/messy/command/report", report.read_bytes(), where=sentences())


def copy(folder: Path, name: str) -> Path:
    """A copy in the working folder, so that every path is relative and nothing of the original is touched."""
    shutil.copytree(folder, name, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    return Path(name)
