"""Documents that come in packages of Debian: apt checks them by its signatures, and no root is needed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.cache import CACHE

__all__ = ["file_name", "unpacked"]


def unpacked(package: str) -> Path:
    """Return the folder with what is in a package, fetched if it is not here.

    Raises:
        RuntimeError: there is no apt, or no such package.
    """
    place = CACHE / package
    if not (place / "usr").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            fresh = Path(folder) / package
            _unpack(package, fresh)
            shutil.rmtree(place, ignore_errors=True)
            fresh.rename(place)
    return place


def _unpack(package: str, place: Path) -> None:
    place.mkdir()
    try:
        subprocess.run(["apt-get", "download", package], cwd=place, check=True, capture_output=True)
        (file,) = place.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", file.name, "."], cwd=place, check=True, capture_output=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise RuntimeError(f"the package {package} cannot be fetched: {error}") from error


def file_name(package: str) -> str:
    """Return the name of a package's file, with its version; the package is unpacked."""
    (file,) = (CACHE / package).glob("*.deb")
    return file.name
