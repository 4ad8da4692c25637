"""Errors say where and what, and keep saying it after a trip between processes."""

from __future__ import annotations

import pickle

import pytest

from annotools import errors
from annotools.conversion.json_records import from_json
from annotools.issues import Issue
from annotools.ledger import Ledger


def all_errors() -> list[type[errors.AnnotoolsError]]:
    found, queue = [], [errors.AnnotoolsError]
    while queue:
        kind = queue.pop()
        found.append(kind)
        queue += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


def test_the_drawn_tree_is_the_tree() -> None:
    drawing = errors.__doc__ or ""
    for kind in all_errors():
        assert kind.__name__ in drawing


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_errors_survive_pickling(kind: type[errors.AnnotoolsError]) -> None:
    if kind is errors.MissingExtraError:
        error: errors.AnnotoolsError = errors.MissingExtraError("the loader", "tensorflow")
    else:
        error = kind("boom", path="a.xml", line=3, field="bndbox/xmin", found="x", expected="a number")
        assert str(error) == "a.xml:3: bndbox/xmin: boom (found 'x', expected a number)"
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__


def test_a_missing_extra_gives_the_command() -> None:
    error = errors.MissingExtraError("annotools.loader", "tensorflow")
    assert "pip install 'annotools-voc[tensorflow]'" in str(error)
    assert isinstance(error, ImportError)


def test_a_hostile_value_stays_short() -> None:
    text = str(errors.ParseError("bad", found="x" * 10_000))
    assert len(text) < 120


def test_an_issue_reads_like_a_compiler_message() -> None:
    issue = Issue("box-inverted", "error", "xmin 9 > xmax 3", "a.xml", 3, 0)
    assert str(issue) == "a.xml:3: box-inverted: xmin 9 > xmax 3"


def test_the_ledger_notices_one_missing_object() -> None:
    ledger = Ledger()
    ledger.images.found = ledger.images.written = 2
    ledger.objects.found, ledger.objects.written = 5, 3
    ledger.objects.lost["box-inverted"] = 1
    with pytest.raises(errors.LedgerError, match="objects do not add up: 5 found, 3 written, 1 lost"):
        ledger.check()
    ledger.objects.lost["box-zero-area"] = 1
    ledger.check()
    assert from_json(Ledger, ledger.as_dict()) == (ledger, [])
