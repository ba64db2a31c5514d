"""The options of an adapter: what may be seen of them, what is secret, and what another process is sent of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llamabot.ports.secrets import Secrets, split_secrets

__all__ = ["NO_OPTIONS", "WithOptions"]

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


class WithOptions:
    """An adapter with options. It can be pickled if nothing of them is secret: a pickle may end up on a disk.

    Attributes:
        options: what may be seen of them.
    """

    def __init__(self, options: Mapping[str, Any], secrets: Secrets) -> None:
        visible, hidden = split_secrets(options)
        self.options: Mapping[str, Any] = MappingProxyType(visible)
        self._secrets = hidden | secrets

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "options": dict(self.options)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update({**state, "options": MappingProxyType(state["options"])})
