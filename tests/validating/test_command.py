"""`annotools validate` and `annotools fix` as a shell sees them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotools.cli import main
from annotools.commands import fix, validate
from annotools.errors import AnnotoolsError, OptionError
from annotools.validation.rules.catalogue import RULES, RULES_BY_ID

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The exit code of a command line; runs in an empty folder, without anybody's pyproject.toml."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "pyproject.toml").touch()
    monkeypatch.chdir(work)

    def run(*words: object) -> int:
        parser = argparse.ArgumentParser()
        parser.set_defaults(version="1.2.3")
        name, *rest = map(str, words)
        if name == "validate":
            validate.add_validate_arguments(parser)
            return validate.run_validate(parser.parse_args(rest))
        fix.add_fix_arguments(parser)
        return fix.run_fix(parser.parse_args(rest))

    return run


@pytest.fixture
def faulty(tree: Any) -> Path:
    """One error and one warning."""
    tree.add("a", [("shoes", 30, 6, 5, 35), ("pen", 5, 6, 6, 35)])
    root: Path = tree.root
    return root


@pytest.fixture
def clean(tree: Any) -> Path:
    root: Path = tree.add("a").root
    return root


def test_exit_codes(run: Run, faulty: Path) -> None:
    assert run("validate", faulty) == 1
    assert run("validate", faulty, "--ignore", "box-inverted") == 0
    assert run("validate", faulty, "--ignore", "box-inverted", "--strict") == 1
    assert run("validate", faulty, "--ignore", "box-inverted", "--ignore", "box-tiny", "--strict") == 0
    assert run("validate", faulty, "--severity", "box-inverted=info") == 0
    with pytest.raises(AnnotoolsError) as caught:
        run("validate", faulty / "absent")
    assert caught.value.exit_code == 2
    with pytest.raises(OptionError) as caught_option:
        run("validate", faulty, "--select", "nonsense")
    assert caught_option.value.exit_code == 2


def test_report_is_on_stdout_and_nothing_else(
    run: Run, faulty: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run("validate", faulty, "--format", "json")
    out, err = capfd.readouterr()
    assert [issue["rule"] for issue in json.loads(out)["issues"]] == ["box-inverted", "box-tiny"]
    assert err == ""


@pytest.mark.parametrize("fmt", validate.FORMATS)
def test_every_format_goes_to_a_file(
    run: Run, faulty: Path, fmt: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("validate", faulty, "--format", fmt, "-o", "report") == 1
    assert capfd.readouterr() == ("", "")
    assert "box-inverted" in Path("report").read_text(encoding="utf-8")


def test_report_that_cannot_be_written(run: Run, faulty: Path) -> None:
    with pytest.raises(AnnotoolsError) as caught:
        run("validate", faulty, "-o", "absent/report")
    assert caught.value.exit_code == 2


def test_several_sources_as_pre_commit_gives_them(
    run: Run, faulty: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = faulty / "Annotations" / "a.xml"
    assert run("validate", file, file) == 1
    assert "2 errors, 2 warnings in 2 annotations" in capfd.readouterr().out


def test_baseline_is_written_and_read(run: Run, faulty: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("validate", faulty, "--write-baseline", "known.json") == 0
    assert "2 known problems written to known.json" in capfd.readouterr().err
    assert run("validate", faulty, "--baseline", "known.json", "--strict") == 0
    assert "2 known problems in the baseline" in capfd.readouterr().out
    # Written anew, it holds everything again, also what is known.
    Path("pyproject.toml").write_text('[tool.annotools]\nbaseline = "known.json"\n')
    assert run("validate", faulty, "--strict") == 0
    run("validate", faulty, "--write-baseline", "again.json")
    assert Path("again.json").read_text() == Path("known.json").read_text()


def test_settings_of_the_project_and_flags_that_win(run: Run, faulty: Path) -> None:
    Path("pyproject.toml").write_text(
        '[tool.annotools]\nselect = ["box-tiny"]\n[tool.annotools.severity]\nbox-tiny = "error"\n'
    )
    assert run("validate", faulty) == 1
    assert run("validate", faulty, "--severity", "box-tiny=info") == 0
    assert run("validate", faulty, "--severity", "box-tiny=info", "--select", "box-inverted") == 1


def test_rules_are_listed(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("validate", "--rules")
    assert caught.value.code == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [rule.id for rule in RULES]


def test_fix(run: Run, faulty: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        run("fix", faulty, "out", "--fix", "swap-inverted,clip", "--map-class", "pen=pencil", "--report", "r")
        == 0
    )
    out = capfd.readouterr().out.splitlines()
    assert out[-2:] == ["map-classes 1, swap-inverted 1 in 1 of 1 annotations", "written to out"]
    assert "swap-inverted: xmin and xmax are now 5 and 30" in out[0]
    assert json.loads(Path("r").read_text())["summary"]["repairs"] == {"map-classes": 1, "swap-inverted": 1}
    assert run("validate", "out") == 0


def test_fix_dry_run(run: Run, faulty: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("fix", faulty, "out", "--fix", "swap-inverted", "--dry-run", "--quiet") == 0
    assert capfd.readouterr().out.splitlines() == [
        "swap-inverted 1 in 1 of 1 annotations",
        "dry run: nothing was written",
    ]
    assert not Path("out").exists()


def test_fix_reports_files_it_could_not_read(run: Run, tree: Any, capfd: pytest.CaptureFixture[str]) -> None:
    tree.add("a", xml=b"<annotation>").add("b", [("shoes", 30, 6, 5, 35)])
    assert run("fix", tree.root, "out", "--fix", "swap-inverted") == 1
    out, err = capfd.readouterr()
    assert "not repaired: " in err
    assert "unparsable" in err
    assert "swap-inverted 1 in 1 of 2 annotations" in out


def test_map_class_needs_two_names(run: Run, clean: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        run("fix", clean, "out", "--map-class", "pen")
    assert caught.value.code == 2


def test_exit_zero(run: Run, faulty: Path) -> None:
    assert run("validate", faulty, "--exit-zero", "--strict") == 0


def test_statistics_take_the_place_of_the_report(
    run: Run, faulty: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("validate", faulty, "--statistics") == 1
    assert capfd.readouterr().out.split() == (
        ["1", "error", "box-inverted", "[*]", "--fix", "swap-inverted", "1", "warning", "box-tiny"]
    )


def test_which_settings_hold(run: Run, faulty: Path) -> None:
    Path("pyproject.toml").write_text('[tool.annotools]\nignore = ["box-*"]\n')
    assert run("validate", faulty, "--strict") == 0
    assert run("validate", faulty, "--isolated") == 1
    Path("annotools.toml").write_text('ignore = ["box-inverted"]\n')  # before pyproject.toml
    assert run("validate", faulty) == 0
    assert run("validate", faulty, "--strict") == 1
    Path("other.toml").write_text('[tool.annotools]\nselect = ["box-tiny"]\n')
    assert run("validate", faulty, "--config", "other.toml") == 0
    assert run("validate", faulty, "--config", "other.toml", "--strict") == 1
    for text, told in (
        ("x = 1", "no such setting"),
        ("x =", "cannot be read"),
        ("tool = 1", "cannot be read"),
    ):
        Path("bad.toml").write_text(text)
        with pytest.raises(OptionError, match=told):
            run("validate", faulty, "--config", "bad.toml")
    with pytest.raises(OptionError, match="cannot be read"):
        run("validate", faulty, "--config", "absent.toml")


def test_rules_are_ignored_by_path(run: Run, tree: Any, capfd: pytest.CaptureFixture[str]) -> None:
    tree.add("a", [("shoes", 30, 6, 5, 35)]).add("old-b", [("shoes", 30, 6, 5, 35)])
    flag = "--per-path-ignore"

    def found(*words: str) -> list[str]:
        run("validate", tree.root, "--format", "concise", "--select", "box-*", *words)
        return [Path(line.split(":")[0]).stem for line in capfd.readouterr().out.splitlines()]

    assert found() == ["a", "old-b"]
    assert found(flag, "Annotations/old-*=box-inverted") == ["a"]
    assert found(flag, "Annotations/old-*=box-tiny", flag, "Annotations/old-*=box-i*") == ["a"]
    assert found(flag, "Annotations=box-*") == []
    assert found(flag, f"{tree.root}/*/a.xml=box-*") == ["old-b"]
    assert found(flag, "a.xml=box-*") == ["a", "old-b"]
    Path("annotools.toml").write_text('[per-path-ignores]\n"*/a.xml" = ["box-inverted"]\n')
    assert found() == ["old-b"]
    for wrong in ('"a" = "bx-tiny"', ""):
        Path("annotools.toml").write_text(f"[per-path-ignores]\n{wrong}" if wrong else "per-path-ignores = 3")
        with pytest.raises(OptionError):
            found()


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "box-inverted"]) == 0
    told = capsys.readouterr().out
    rule = RULES_BY_ID["box-inverted"]
    for part in (
        rule.summary,
        "the loss becomes NaN",
        "<xmin>60</xmin>",
        "<xmin>10</xmin>",
        "--fix swap-inverted",
    ):
        assert part in told
    assert main(["rule", "size-*", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in found] == [rule.id for rule in RULES if rule.id.startswith("size-")]
    assert main(["rule", "bx-inverted"]) == 2
    assert "did you mean box-inverted?" in capsys.readouterr().err


def test_every_rule_has_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "--all", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in found] == [rule.id for rule in RULES]
    assert [one["id"] for one in found if not (one["why"] and one["bad"] and one["good"])] == []
    assert main(["rule", "--all"]) == 0
    text = capsys.readouterr().out
    assert "](" not in text
    assert main(["rule"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(RULES)


def test_fix_shows_a_diff_and_writes_nothing(
    run: Run, faulty: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert run("fix", faulty, "--fix", "swap-inverted", "--diff") == 0
    out, err = capfd.readouterr()
    path = faulty / "Annotations" / "a.xml"
    assert out.splitlines()[:2] == [f"--- {path}", f"+++ {path}"]
    changed = [line.strip("\t -+") for line in out.splitlines()[2:] if line[:1] in "+-"]
    assert changed == [
        "<xmin>30</xmin>", "<xmin>5</xmin>", "<xmax>5</xmax>", "<xmax>30</xmax>",
    ]  # fmt: skip
    assert err.splitlines() == ["swap-inverted 1 in 1 of 1 annotations", "dry run: nothing was written"]
    with pytest.raises(OptionError, match="nowhere to write to"):
        run("fix", faulty, "--fix", "swap-inverted")
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    run("fix", faulty, "--fix", "swap-inverted", "--diff")
    assert "\x1b[31m-\t\t\t<xmin>30</xmin>\x1b[0m" in capfd.readouterr().out
