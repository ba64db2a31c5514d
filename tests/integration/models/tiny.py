"""A model of a few megabytes in a wheel, and what lies in a folder of models."""

from __future__ import annotations

import zipfile
from pathlib import Path

__all__ = ["RECORD", "WEIGHTS", "WHOLE", "make_wheel", "names"]

WEIGHTS = b"GGUF" + bytes(range(256)) * 12_000
RECORD = "tiny_model-1.0.dist-info"


def make_wheel(wheels: Path, weights: bytes = WEIGHTS, name: str = "tiny-model") -> Path:
    module = name.replace("-", "_")
    wheel, record = wheels / f"{module}-1.0-py3-none-any.whl", f"{module}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{module}/tiny.gguf", weights)
        archive.writestr(f"{record}/LICENSE", "You may.")
        archive.writestr(
            f"{record}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: no-such-thing\n",
        )
        archive.writestr(f"{record}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{record}/RECORD", "")
    return wheel


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


WHOLE = ["tiny.LICENSE.txt", "tiny.gguf", "tiny.json"]
