"""Run one of the fuzz targets under atheris.

    python tests/fuzz/run.py TARGET EXECUTIONS FOLDER

Each `fuzz_<target>.py` has a function `check(data: bytes)`, which raises for whatever must not happen. FOLDER
gets the corpus as it grows, and `<target>-crash-*`, `-timeout-*` or `-oom-*` with the input of a finding.
The ordinary tests call the same functions (test_mutations.py), so that a finding becomes a test by becoming a
file in tests/data/fuzz/<target>. A process is good for 100,000 executions: what atheris notes down about each
comparison stays in memory.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
AT_A_TIME = 100_000
LIMITS = ("-max_len=1024", "-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0")


def main(target: str, executions: int, folder: Path) -> int:
    corpus = folder / target
    corpus.mkdir(parents=True, exist_ok=True)
    done = 0
    while done < executions:
        runs = min(AT_A_TIME, executions - done)
        options = [f"-runs={runs}", f"-seed={done + 1}", f"-artifact_prefix={folder / target}-", *LIMITS]
        command = [
            sys.executable,
            __file__,
            "--fuzz",
            target,
            *options,
            str(corpus),
            str(HERE / "corpus" / target),
        ]
        code = subprocess.run(command).returncode
        if code:
            print(f"{target}: a finding, or an end, in the {runs} executions after {done}", flush=True)
            return code
        done += runs
        print(f"{target}: {done} executions, {len(list(corpus.iterdir()))} inputs in the corpus", flush=True)
    return 0


def fuzz(target: str, options: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["annotools"]):
        check = runpy.run_path(str(HERE / f"fuzz_{target}.py"))["check"]
    atheris.Setup([sys.argv[0], *options], check)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "--fuzz":
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
