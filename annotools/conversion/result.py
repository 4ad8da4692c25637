"""What a conversion did: the statistics of its shards in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from annotools.conversion import manifest as manifests
from annotools.conversion.json_records import to_json
from annotools.conversion.manifest import Manifest
from annotools.conversion.plan import Plan
from annotools.conversion.statistics import ShardResult
from annotools.conversion.whole_set import whole_set_issues
from annotools.issues import DataError, Issue
from annotools.ledger import Ledger
from annotools.records import record
from annotools.repair.fixes import Repair


@record
class ConvertResult:
    """What a conversion did.

    ledger     images and objects: found = written + lost by code
    manifest   what manifest.json holds
    issues     every error; of warnings and infos the first of each rule and shard; sorted by file and line
    counts     issues by rule, all of them
    repairs    what `fix` changed, one by one
    reused     shards that an earlier run had finished and that were still right
    """

    ledger: Ledger
    manifest: dict[str, Any]
    issues: tuple[Issue, ...]
    counts: dict[str, int]
    repairs: tuple[Repair, ...] = ()
    reused: int = 0


def result_of(plan: Plan, results: Sequence[ShardResult]) -> tuple[ConvertResult, Manifest]:
    """What the shards of a plan add up to.

    Raises DataError with every error if one is enough, and LedgerError if the sums are wrong.
    """
    ledger = Ledger()
    ledger.add(plan.left_out)
    counts: Counter[str] = Counter()
    issues = [*plan.source.issues(), *plan.issues]
    counts.update(issue.rule for issue in issues)
    for result in results:
        ledger.add(result.ledger)
        counts.update(result.issue_counts)
        issues += result.issues
    of_set = whole_set_issues(plan, results)
    issues += of_set
    counts.update(issue.rule for issue in of_set)
    issues.sort(key=lambda issue: (issue.path or "", issue.line or 0))  # shards have them in another order
    ledger.check()
    if plan.options.on_error == "fail":
        _raise_errors(issues, counts)
    if any(issue.cost == "set" for issue in of_set):
        _raise_errors(issues, counts)
    _check_something_is_left(plan, results, issues, counts)
    manifest = manifests.build(plan.options, results, ledger)
    done = ConvertResult(
        ledger=ledger,
        manifest=to_json(manifest),
        issues=tuple(issues),
        counts=dict(sorted(counts.items())),
        repairs=tuple(repair for result in results for repair in result.repairs),
        reused=sum(result.reused for result in results),
    )
    return done, manifest


def _raise_errors(issues: Sequence[Issue], counts: Mapping[str, int]) -> None:
    errors = [issue for issue in issues if issue.severity == "error"]
    if not errors:
        return
    files = len({issue.path for issue in errors})
    message = (
        f"{len(errors)} error{'s' * (len(errors) != 1)} in {files} file{'s' * (files != 1)}; nothing was "
        "written (--on-error skip leaves out what is faulty)"
    )
    raise DataError(message, issues=issues, counts=counts)


def _check_something_is_left(
    plan: Plan, results: Sequence[ShardResult], issues: Sequence[Issue], counts: Mapping[str, int]
) -> None:
    """DataError for a split that had images and has no record left, or had objects and has no box left.

    Images without annotation do not count: the test sets of VOC and of contests have no others.
    """
    found: dict[str, Ledger] = {}
    for result in results:
        found.setdefault(result.split, Ledger()).add(result.ledger)
    for split, ledger in found.items():
        for what, tally in (("image", ledger.images), ("object", ledger.objects)):
            if tally.found > tally.lost["annotation-missing"] and not tally.written:
                lost = ", ".join(f"{code} {count}" for code, count in sorted(tally.lost.items()))
                message = f"no {what} is left of the split {split!r} ({lost}); nothing was written"
                raise DataError(
                    message, path=plan.source.root, found=f"{tally.found} lost", issues=issues, counts=counts
                )
