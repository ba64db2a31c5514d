"""One request for vectors: its arguments, how its answer is read, and what its end means. Nothing here waits."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from llamabot.adapters.litellm.call import key_names
from llamabot.adapters.litellm.deadline import Deadline
from llamabot.adapters.litellm.errors import ANY_ERROR, Scene, failure_of, without_frames
from llamabot.ports.embedding import Vectors
from llamabot.ports.secrets import Secrets
from llamabot.protocols.embeddings import Plan
from llamabot.protocols.failures import Failure, embedding_failure, refuse_offline
from llamabot.protocols.words import Scrubber

__all__ = ["VectorRequest"]


class _Never(int):
    """No retries. Where texts are embedded, LiteLLM takes a plain 0 for "not said", and asks three times."""

    def __bool__(self) -> bool:
        return True


_NEVER = _Never(0)


class VectorRequest:
    """One request on its way.

    Attributes:
        arguments: what LiteLLM is called with, keys included; therefore no local variable of a frame that raises.
        deadline: of the answer.
    """

    function = "embedding"

    def __init__(self, plan: Plan, texts: Sequence[str], arguments: Mapping[str, Any], secrets: Secrets) -> None:
        refuse_offline("the embedder of this machine: embedding='embedded/minilm'")
        self.arguments: dict[str, Any] = {"max_retries": _NEVER, "num_retries": 0, **arguments, "model": plan.model}
        self.arguments["input"] = list(texts)
        self.deadline = Deadline(self.arguments["timeout"])
        self._plan = plan
        self._count = len(texts)
        self._secrets = secrets
        self._outer = sys.exception()
        self._answered = False

    def vectors(self, response: Any, litellm: Any) -> Vectors:
        """Return the unit rows of an answer, in the order of the texts.

        Raises:
            EmbeddingError: it holds no such rows.
        """
        self._answered = True
        return self._plan.vectors(response.data, self._count)

    def forbid(self) -> None:
        """Forbid nothing: LiteLLM makes one request for vectors, and has no place to be told not to."""

    def failure(self, error: BaseException) -> Failure:
        """Return our error for one that ended this request; what the provider did is an `EmbeddingError`.

        Raises what is no error of the request's, without frames that hold a key.
        """
        if not isinstance(error, ANY_ERROR):
            raise without_frames(error, self._outer)
        scene = Scene(
            model=self._plan.model,
            timeout_s=float(self.arguments["timeout"]),
            scrubber=Scrubber(self.arguments, self._secrets),
            outer=self._outer,
            answered=self._answered,
            partial=None,
            key_names=lambda: key_names(self._plan.model),
            wanted="embedding",
        )
        return embedding_failure(failure_of(error, scene))
