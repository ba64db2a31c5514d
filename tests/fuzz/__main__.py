"""Search streams that break their reading, led by the branches that they take, with atheris.

python -m tests.fuzz [SECONDS]    searches so long (60) and prints what atheris says; a stream that breaks a law is kept
                                  in .cache/fuzz/ and printed
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.cache import CACHE
from benchmarks.contenders import ROOT, environment, python_with

__all__ = ["main"]

_PACKAGES = ("atheris==3.0.0", "msgspec==0.22.0")


def main() -> None:
    """Run the target in an environment of its own: atheris is for Linux and a few Pythons, and nobody else needs it."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    found = ROOT / ".cache" / "fuzz"
    corpus = found / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    try:
        python = python_with(CACHE / "atheris", _PACKAGES)
    except subprocess.CalledProcessError:
        print("atheris cannot be installed for this Python; hypothesis searches in its place", file=sys.stderr)
        searched = subprocess.run([sys.executable, "-m", "pytest", "-q", "tests/fuzz"], cwd=ROOT, check=False)
        raise SystemExit(searched.returncode) from None
    command = [python, "-m", "tests.fuzz.target", corpus, f"-artifact_prefix={found}/", f"-max_total_time={seconds}"]
    done = subprocess.run(command, env=environment(str(ROOT / "src")), check=False)
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
