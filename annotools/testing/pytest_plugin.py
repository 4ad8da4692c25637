"""pytest plug-in: one test for each annotation file of the data sets named in the ini file.

    [tool.pytest.ini_options]
    annotools_paths = ["data/voc"]          # folders, archives or .xml files
    annotools_select = ["box-*"]            # default: as [tool.annotools] says, else every rule
    annotools_ignore = ["box-tiny"]
    annotools_images = "header"             # none, header or decode
    annotools_classes = "labels.pbtxt"      # any other class fails
    annotools_strict = false                # warnings fail too

Without annotools_paths nothing is collected and nothing of annotools but this file is imported. Rules about
the data set as a whole have no file to belong to: `annotools.testing.assert_valid_dataset` checks those.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from annotools.issues import Issue
    from annotools.sources.source import Pair
    from annotools.validation.checker import Job


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("annotools_paths", "data sets whose annotation files are tests", type="paths", default=[])
    parser.addini("annotools_select", "annotools: only these rules", type="args", default=[])
    parser.addini("annotools_ignore", "annotools: not these rules", type="args", default=[])
    parser.addini("annotools_images", "annotools: none, header (default) or decode", default="")
    parser.addini("annotools_classes", "annotools: class file; other classes fail", type="paths", default=[])
    parser.addini("annotools_strict", "annotools: warnings fail too", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    paths = [Path(os.path.abspath(path)) for path in config.getini("annotools_paths")]
    if not paths:
        return
    for path in paths:
        if not path.exists():
            raise pytest.UsageError(f"annotools_paths: {path} does not exist")
    config.pluginmanager.register(_Collector(config, paths), "annotools-collector")
    # A plain `pytest` looks into testpaths or here; the data may lie elsewhere. Who names files wants those.
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        here = config.invocation_params.dir
        searched = [Path(os.path.abspath(here / arg.split("::")[0])) for arg in config.args]
        config.args += [str(path) for path in paths if not any(path.is_relative_to(one) for one in searched)]


class _Collector:
    """Collects annotation files; registered only where paths are configured."""

    def __init__(self, config: pytest.Config, paths: Iterable[Path]) -> None:
        self._config = config
        # The innermost data set that holds a file is the one it belongs to.
        self._paths = sorted(paths, key=lambda path: len(path.parts), reverse=True)
        self._datasets: dict[Path, _Dataset] = {}

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        path = next((path for path in self._paths if file_path.is_relative_to(path)), None)
        if path is None or (path != file_path and file_path.suffix.lower() != ".xml"):
            return None
        if path not in self._datasets:
            self._datasets[path] = self._open(path, parent)
        dataset = self._datasets[path]
        pairs = dataset.pairs_of(file_path)
        if not pairs:
            return None
        collector: AnnotationFile = AnnotationFile.from_parent(parent, path=file_path)
        collector.dataset, collector.pairs = dataset, pairs
        return collector

    def _open(self, path: Path, parent: pytest.Collector) -> _Dataset:
        from annotools.errors import AnnotoolsError

        try:
            return _Dataset(self._config, path)
        except AnnotoolsError as error:
            raise parent.CollectError(f"annotools: {error}") from error


class _Dataset:
    """One configured path: its pairs by file, and how they are checked."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        from annotools.sources.source import open_source

        self._config = config
        self._source = open_source(path)
        self._by_file: dict[str, list[Pair]] = {}
        self._job = self._make_job()  # now: a senseless option is told once, and not by each test
        inside_archive = path.is_file() and path.suffix.lower() != ".xml"
        for pair in self._source.unique_pairs():
            if pair.xml is not None:
                file = str(path) if inside_archive else os.path.join(self._source.root, pair.xml)
                self._by_file.setdefault(os.path.normpath(file), []).append(pair)

    def pairs_of(self, file: Path) -> list[Pair]:
        return self._by_file.get(os.path.normpath(file), [])

    def check(self, pair: Pair) -> list[Issue]:
        from annotools.validation.checker import check_chunk

        return check_chunk(self._job, [pair])[0]

    def _make_job(self) -> Job:
        from annotools.validation import settings
        from annotools.validation.options import CheckOptions
        from annotools.validation.validate import make_job

        ini = self._config.getini
        asked = settings.from_pyproject(self._config.rootpath)
        asked.pop("baseline", None)
        asked["ignore"] = [*settings.split_names(asked.get("ignore", ())), *ini("annotools_ignore")]
        for name in ("select", "images", "classes"):
            if given := ini(f"annotools_{name}"):
                asked[name] = given[0] if name == "classes" else given
        return make_job(self._source, CheckOptions(**asked))


class AnnotationFile(pytest.File):
    """An XML file with its one test, or an archive with one for each XML file in it."""

    dataset: _Dataset
    pairs: list[Pair]

    def collect(self) -> Iterator[AnnotationItem]:
        for pair in self.pairs:
            name = "annotation" if len(self.pairs) == 1 else str(pair.xml)
            item: AnnotationItem = AnnotationItem.from_parent(self, name=name)
            item.pair = pair
            yield item


class AnnotationItem(pytest.Item):
    """The test of one annotation file: fails when a rule finds an error in it or in its image."""

    pair: Pair
    parent: AnnotationFile

    def runtest(self) -> None:
        issues = self.parent.dataset.check(self.pair)
        blocking = {"error", "warning"} if self.config.getini("annotools_strict") else {"error"}
        bad = [issue for issue in issues if issue.severity in blocking]
        if bad:
            raise InvalidAnnotation(bad)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, InvalidAnnotation):
            prefix = f"{self.config.rootpath}{os.sep}"
            return "\n".join(str(issue).replace(prefix, "") for issue in excinfo.value.issues)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"annotation {self.pair.xml}"


class InvalidAnnotation(Exception):  # noqa: N818  # shown as lines, not as an error of the code
    """The annotation breaks rules: `issues`."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__("\n".join(map(str, issues)))
        self.issues = issues
