"""`annotools fix`: a repaired copy of a data set. The originals are only read.

An XML file in which nothing is repaired is copied byte for byte; in the others only the repaired values
change. Images and lists are copied as they are (an image may get another extension). The output appears
under its name when it is complete.
"""

from __future__ import annotations

import os
from pathlib import Path

from annotools.errors import OptionError, OutputError
from annotools.files.names import Names
from annotools.files.whole import make_folder, whole
from annotools.options import takes
from annotools.repair.fixes import make_fixes
from annotools.repair.options import FixOptions
from annotools.repair.repaired_copy import _Copy
from annotools.repair.result import FixResult
from annotools.sources.source import Source, open_source


@takes(FixOptions)
def fix(
    source: str | os.PathLike[str] | Source, output: str | os.PathLike[str], options: FixOptions
) -> FixResult:
    """Write a repaired copy of `source` into the folder `output`, with the same names.

    fixes        names of FIXES, also as one string with commas
    class_names  for map-classes: old name -> new name
    images       "copy", "link" (hard links where possible) or "none"
    box_origin   as in `validate`
    dry_run      find the repairs and write nothing
    diff         the same, and `diffs` of the result has a unified diff of each file that would change

    Raises OptionError, SourceError, and OutputError for an output that exists or cannot be written.
    """
    wanted = make_fixes(options.fixes, options.class_names)
    if not wanted.names:
        raise OptionError("nothing to repair was named", field="--fix", expected="one or more fixes")
    if not isinstance(source, Source):
        source = open_source(source, annotations=options.annotations, images=options.image_folder)
    copy = _Copy(source, wanted, options.box_origin == "one-based", options.images)
    target = Path(output)
    if options.dry_run or options.diff:
        copy.wants_diffs = options.diff
        for _ in copy.files():
            pass
        return copy.result
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError("exists already", path=str(target), expected="a new folder")
    _write(copy, target)
    return copy.result


def _write(copy: _Copy, target: Path) -> None:
    try:
        with whole(target) as folder:
            make_folder(folder)
            names = Names(folder)
            for file in copy.files():
                names.add(file.name)
                path = folder / file.name
                path.parent.mkdir(parents=True, exist_ok=True)
                if file.data is not None:
                    path.write_bytes(file.data)
                elif not (copy.images == "link" and copy.link(file.original, path)):
                    path.write_bytes(copy.source.read_bytes(file.original))
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path=str(target)) from error
