"""`llamabot` over a model that speaks slowly: run as a program, for tests of terminals that need no provider.

    python scripted.py '["word ", "word "]' PAUSE_S ARGUMENTS...

A stream that is left before its end takes a second for it, and makes the file `left`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import llamabot as lmb
from llamabot.app.cli import main
from llamabot.ports.completion import CompletionChunk, CompletionRequest, FinishReason
from llamabot.testing import FunctionCompletion

_LEAVING_S = 1.0


class SlowCompletion(FunctionCompletion):
    """Streams fragments with a pause after each."""

    def __init__(self, fragments: list[str], pause_s: float) -> None:
        super().__init__(lambda request: "".join(fragments))
        self._fragments = fragments
        self._pause_s = pause_s

    def stream(self, request: CompletionRequest) -> Iterator[CompletionChunk]:  # type: ignore[override]  # no generator
        try:
            for fragment in self._fragments:
                field = "reasoning" if fragment.startswith("<think>") else "text"
                yield CompletionChunk(**{field: fragment.removeprefix("<think>")})
                time.sleep(self._pause_s)
            yield CompletionChunk(finish_reason=FinishReason.STOP)
        except (GeneratorExit, KeyboardInterrupt):
            time.sleep(_LEAVING_S)
            Path("left").touch()
            raise


if __name__ == "__main__":
    with lmb.override(completion=SlowCompletion(json.loads(sys.argv[1]), float(sys.argv[2]))):
        sys.exit(main(sys.argv[3:]))
