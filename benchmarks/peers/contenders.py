"""Who takes part, and what an environment for each holds."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cache import CACHE
from benchmarks.contenders import ROOT, environment, python_with

__all__ = ["BARE", "CONTENDERS", "LIBRARIES", "LITELLM", "OPENAI", "OURS_ON_LITELLM", "OURS_ON_WIRE", "STARTS", "Entry"]

_QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LANGSMITH_TRACING": "false"}


@dataclass(frozen=True)
class Entry:
    """One contender.

    Attributes:
        name: in the tables.
        place: module and function in `benchmarks.peers`.
        imports: what its user's program imports.
        packages: what its environment is made of.
        shown: the distributions whose versions are told.
        locked: whether everything in it has the version that our lock names.
        patient: whether it can be asked 10,000 times within minutes.
        closing: whether it lets go of its connections when an event loop is gone.
    """

    name: str
    place: tuple[str, str]
    imports: str
    packages: tuple[str, ...]
    shown: tuple[str, ...]
    locked: bool = False
    patient: bool = True
    closing: bool = True

    @property
    def folder(self) -> Path:
        """Where its environment is."""
        return CACHE / "peers" / "-".join(re.findall(r"\w+", self.packages[0].replace(str(ROOT), "ours"))[:3])

    @property
    def python(self) -> Path:
        """Return the interpreter of its environment, which is made when it is not there."""
        return python_with(self.folder, self.packages, _locked_versions() if self.locked else ())

    @contextmanager
    def surroundings(self) -> Iterator[dict[str, str]]:
        """Give the variables of its processes: a home that goes afterwards, and for ours the sources beside this."""
        sources = [str(ROOT / "src")] if self.packages[0].startswith(str(ROOT)) else []
        with tempfile.TemporaryDirectory() as home:
            yield environment(*sources) | _QUIET | {"HOME": home}


def _locked_versions() -> tuple[str, ...]:
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    return tuple(re.findall(r"^([\w.\-]+==[^\s\\;]+)", lock, re.MULTILINE))


BARE = Entry(
    "bare HTTP",
    ("bare", "bare_http"),
    "h11, msgspec",
    ("h11", "msgspec"),
    ("h11", "msgspec"),
    locked=True,
    closing=False,
)
LIBRARIES = Entry(
    "urllib3, aiohttp",
    ("clients", "http_libraries"),
    "urllib3, aiohttp, msgspec",
    ("urllib3", "aiohttp", "msgspec"),
    ("urllib3", "aiohttp"),
    locked=True,
    closing=False,
)
OPENAI = Entry("openai", ("clients", "openai_client"), "openai", ("openai==3.57.0",), ("openai", "httpx"))
LITELLM = Entry(
    "litellm", ("clients", "litellm_client"), "litellm", ("litellm", "mcp"), ("litellm", "openai"), locked=True
)
OURS_ON_WIRE = Entry("ours, direct", ("ours", "on_wire"), "llamabot", (f"{ROOT}[wire]",), ("llamabot",), locked=True)
OURS_ON_LITELLM = Entry(
    "ours, LiteLLM", ("ours", "on_litellm"), "llamabot", (f"{ROOT}[litellm]",), ("llamabot", "litellm"), locked=True
)
CONTENDERS = (
    BARE,
    LIBRARIES,
    OPENAI,
    LITELLM,
    OURS_ON_WIRE,
    OURS_ON_LITELLM,
    Entry(
        "llamabot 0.19.16",
        ("frameworks.llamabot_0_19", "llamabot_0_19"),
        "llamabot",
        ("llamabot==0.19.16",),
        ("litellm",),
        patient=False,
    ),
    Entry(
        "pydantic-ai",
        ("frameworks.pydantic_ai", "pydantic_ai"),
        "pydantic_ai",
        ("pydantic-ai-slim[openai]==2.66.0",),
        ("pydantic-ai-slim", "openai"),
    ),
    Entry(
        "openai-agents",
        ("frameworks.openai_agents", "openai_agents"),
        "agents",
        ("openai-agents==0.24.0",),
        ("openai-agents", "openai"),
    ),
    Entry(
        "langgraph",
        ("frameworks.langgraph", "langgraph"),
        "langchain.agents, langchain_openai",
        ("langgraph==1.2.24", "langchain==1.5.2", "langchain-openai==1.7.4"),
        ("langgraph", "langchain", "langchain-openai"),
    ),
)
STARTS = (
    Entry("bare httpx", ("clients", "httpx_client"), "httpx", ("httpx==0.28.1",), ("httpx",)),
    Entry("ours, ports given", ("ours", "start_injected"), "llamabot", OURS_ON_WIRE.packages, (), locked=True),
    Entry(
        "ours, from the container",
        ("ours", "start_through_container"),
        "llamabot",
        OURS_ON_WIRE.packages,
        (),
        locked=True,
    ),
)
"""Who only starts."""
