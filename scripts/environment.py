"""Make `.venv/` hold exactly what a lock says, and nothing at all the second time.

    python scripts/environment.py dev|demo

Runs on the Python that the environment is made of, with the standard library alone. What was installed is told by
stamps in `.venv/`, named for what they depend on: the lock's bytes, the Python and the place of the checkout; for the
project itself, what its metadata are made from. A stamp is written last, so an interrupted install leaves none.
`requirements/dev.txt` holds all of `requirements/demo.txt` at the same versions: where dev is installed, demo is.

Somebody's work may be in `.venv/`. One that was not made here is never touched, and the demo takes one that was made
for development as it is, even from another lock or by another Python.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MARK = VENV / ".llamabot"
PIP = (str(PYTHON), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install")


def main(name: str) -> None:
    """Install what is missing for `name`."""
    with one_at_a_time():
        if not (is_installed("dev") or is_installed(name) or serves_as_it_is(name)):
            install_lock(name)
        if not project_stamp().exists():
            install_project()


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let a second make in the same checkout wait for the first."""
    checkout = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(checkout, fcntl.LOCK_EX)
        yield
    finally:
        os.close(checkout)


def is_installed(name: str) -> bool:
    """Tell whether `.venv/` was made by this Python, here, from the lock as it is now."""
    return lock_stamp(name).exists() and PYTHON.exists()


def serves_as_it_is(name: str) -> bool:
    """Tell whether `.venv/` was made for development in another way and works; only `make dev` makes it anew."""
    if name != "demo" or not stamps("dev") or not starts():
        return False
    print("Using .venv/ as it is: made for development, by another Python or from another lock; `make dev` renews it.")
    return True


def starts() -> bool:
    """Tell whether the environment's Python starts; it does not where the one it was made of is gone."""
    with contextlib.suppress(OSError):
        return subprocess.run([PYTHON, "-I", "-c", "import pip"], capture_output=True, check=False).returncode == 0
    return False


def lock_stamp(name: str) -> Path:
    """Return the file that says: this lock is installed."""
    return stamp(name, lock_path(name).read_bytes())


def project_stamp() -> Path:
    """Return the file that says: the project's metadata and commands are installed."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    hatch = pyproject.get("tool", {}).get("hatch")
    parts = [pyproject["project"], pyproject["build-system"], hatch]
    return stamp("project", json.dumps(parts, sort_keys=True).encode())


def stamp(name: str, content: bytes) -> Path:
    """Return the stamp of some content under this Python in this place."""
    place = f"{sys.version} {sys.base_prefix} {ROOT}".encode()
    return VENV / f".{name}-{hashlib.sha256(content + place).hexdigest()[:16]}"


def lock_path(name: str) -> Path:
    """Return the lock of that name."""
    return ROOT / "requirements" / f"{name}.txt"


def install_lock(name: str) -> None:
    """Install a lock: over the demo's packages if they are there as locked, else into a new environment."""
    lock = lock_path(name)
    print(
        f"Installing {lock.relative_to(ROOT)} into .venv/ (once for each change of it; a minute or two) ...", flush=True
    )
    if is_installed("demo"):
        MARK.touch()
        remove_stamps("demo")
    else:
        make_environment()
    run(*PIP, "--require-hashes", "--only-binary=:all:", "--requirement", str(lock))
    lock_stamp(name).touch()


def make_environment() -> None:
    """Make an empty environment in the place of one of ours; the mark outlives an interruption at any moment."""
    if not is_ours():
        sys.exit(
            f"{VENV} is there already and was not made by this Makefile, so it is left as it is. "
            "Rename it, or remove it if nobody needs it (rm -r .venv), and try again."
        )
    VENV.mkdir(exist_ok=True)
    MARK.touch()
    for old in VENV.iterdir():
        if old != MARK:
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    run(sys.executable, "-m", "venv", str(VENV))


def is_ours() -> bool:
    """Tell whether there is no environment yet, an empty folder, or one that this script has made."""
    if not os.path.lexists(VENV):
        return True
    known = MARK.exists() or any(stamps(name) for name in ("dev", "demo", "project"))
    return VENV.is_dir() and (known or not any(VENV.iterdir()))


def install_project() -> None:
    """Install the checkout itself, so that its sources are what is imported."""
    remove_stamps("project")
    run(*PIP, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    project_stamp().touch()


def remove_stamps(name: str) -> None:
    """Forget that something is installed."""
    for old in stamps(name):
        old.unlink()


def stamps(name: str) -> list[Path]:
    """Return the stamps of that name, whatever they depend on."""
    return list(VENV.glob(f".{name}-{'[0-9a-f]' * 16}"))


def run(*command: str) -> None:
    """Run a command; show what it wrote only if it failed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.stdout.flush()
        sys.stderr.buffer.write(done.stdout)
        sys.exit(f"failed ({done.returncode}): {' '.join(command)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit("Interrupted; what is missing is installed the next time.")
