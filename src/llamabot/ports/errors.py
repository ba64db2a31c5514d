"""Every error a user can meet, sorted by who must act.

    LlamabotError                 .run_id .messages .usage once raised out of a bot; picklable
    ├── UsageError                the caller
    │   ├── ConfigurationError
    │   │   └── MissingExtra      .extra
    │   ├── GraphNotClosed
    │   ├── ReplayDiverged
    │   ├── RunBusy
    │   ├── ToolDefinitionError
    │   └── UnknownArgument       is a TypeError too
    ├── PortError                 the world; .retryable
    │   ├── CompletionError       .partial .status_code
    │   │   ├── AuthenticationFailed
    │   │   ├── BadCompletion
    │   │   ├── BudgetExceeded    .limit_usd .spent_usd .retry_after_s
    │   │   ├── CompletionTimeout
    │   │   ├── ContentRefused
    │   │   ├── ContextTooLong
    │   │   ├── ProviderUnavailable
    │   │   ├── RateLimited       .retry_after_s
    │   │   ├── RequestRejected
    │   │   └── StreamTruncated
    │   ├── DocStoreError
    │   ├── DocumentUnreadable    .reason
    │   ├── EmbeddingError        .status_code .retry_after_s
    │   ├── MemoryFailed
    │   ├── RecorderError
    │   ├── SharedStateError
    │   └── ToolboxUnavailable
    ├── BotError                  the model, within the rules
    │   ├── AnswerNotParsed       .attempts
    │   └── LimitReached          .limit
    └── RunPaused                 someone must decide; .calls
        ├── ApprovalNeeded
        └── ToolOutcomeUnknown

Every class can be built from its message alone, which is what makes it picklable: attributes travel in
`__dict__`. Adapters translate at one place and raise these `from` the original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llamabot.ports.error_roots import LlamabotError, PortError

if TYPE_CHECKING:
    from llamabot.ports.messages import AssistantMessage
    from llamabot.ports.tools import ToolCall

__all__ = [
    "AnswerNotParsed",
    "ApprovalNeeded",
    "Attempt",
    "AuthenticationFailed",
    "BadCompletion",
    "BotError",
    "BudgetExceeded",
    "CompletionError",
    "CompletionTimeout",
    "ConfigurationError",
    "ContentRefused",
    "ContextTooLong",
    "DocStoreError",
    "DocumentUnreadable",
    "EmbeddingError",
    "GraphNotClosed",
    "LimitReached",
    "LlamabotError",
    "MemoryFailed",
    "MissingExtra",
    "PortError",
    "ProviderUnavailable",
    "RateLimited",
    "RecorderError",
    "ReplayDiverged",
    "RequestRejected",
    "RunBusy",
    "RunPaused",
    "SharedStateError",
    "StreamTruncated",
    "ToolDefinitionError",
    "ToolOutcomeUnknown",
    "ToolboxUnavailable",
    "UnknownArgument",
    "UsageError",
]


class UsageError(LlamabotError):
    """The caller asked for something that cannot be."""


class ConfigurationError(UsageError):
    """A setting is missing or wrong; the message names the mend."""


class MissingExtra(ConfigurationError):
    """A package of an optional extra is not installed.

    Attributes:
        extra: its name, as in `pip install "llamabot[<extra>]"`.
    """

    def __init__(self, message: str, *, extra: str = "") -> None:
        super().__init__(message)
        self.extra = extra

    @classmethod
    def for_package(cls, package: str, extra: str) -> MissingExtra:
        """Say which package is missing and the line that installs it."""
        return cls(f'{package} is not installed; mend it with: pip install "llamabot[{extra}]"', extra=extra)


class GraphNotClosed(UsageError):
    """A node of an agent's graph can return an action that no edge leads on from."""


class ReplayDiverged(UsageError):
    """What the bot does now is not what the log says it did: its prompt, tools or code have changed since.

    The message shows the difference.
    """


class RunBusy(UsageError):
    """Another process, or another thread of this one, has this run in hand."""


class ToolDefinitionError(UsageError):
    """A function cannot be a tool; the message says which part of it and how to mend it."""


class UnknownArgument(UsageError, TypeError):
    """A keyword argument that does not exist; the message names the right one."""


class CompletionError(PortError):
    """A language model's provider did not give a usable answer.

    Attributes:
        partial: what had arrived of the answer, or None.
        status_code: the HTTP status, where there was one.
    """

    def __init__(
        self, message: str, *, partial: AssistantMessage | None = None, status_code: int | None = None
    ) -> None:
        super().__init__(message)
        self.partial = partial
        self.status_code = status_code


class AuthenticationFailed(CompletionError):
    """The key is missing, wrong or not allowed to do this (401, 403)."""


class BadCompletion(CompletionError):
    """The provider answered with something that is no completion."""

    retryable = True


class BudgetExceeded(CompletionError):
    """The request may cost more than is left of a budget; it was not made. Another model may still be asked.

    Attributes:
        limit_usd: the budget.
        spent_usd: what of it is spent, or set aside for requests in flight.
        retry_after_s: seconds until it begins anew, or None.
    """

    limit_usd: float = 0.0
    spent_usd: float = 0.0
    retry_after_s: float | None = None


class CompletionTimeout(CompletionError):
    """No answer, or no next fragment, within `timeout_s`."""

    retryable = True


class ContentRefused(CompletionError):
    """The provider's content filter stopped the request or the answer."""


class ContextTooLong(CompletionError):
    """The request has more tokens than the model takes."""


class ProviderUnavailable(CompletionError):
    """The provider could not be reached or is failing (refused connection, 5xx)."""

    retryable = True


class RateLimited(CompletionError):
    """The provider asks to slow down (429).

    Attributes:
        retry_after_s: seconds to wait, as the provider says, or None.
    """

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        partial: AssistantMessage | None = None,
        status_code: int | None = None,
    ) -> None:
        super().__init__(message, partial=partial, status_code=status_code)
        self.retry_after_s = retry_after_s


class RequestRejected(CompletionError):
    """The provider refuses the request as it is made (400, 404, 422): an unknown model, a wrong option."""


class StreamTruncated(CompletionError):
    """A stream ended without saying why; `partial` holds what had arrived."""

    retryable = True


class DocStoreError(PortError):
    """Documents could not be stored or searched."""


class DocumentUnreadable(PortError):
    """A file could not be turned into documents: it is damaged, encrypted, of no known kind, or has no text.

    Attributes:
        reason: why, in words that go on "it …"; the message names the file too.
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class EmbeddingError(PortError):
    """Texts could not be embedded.

    Attributes:
        status_code: the provider's HTTP status, where there was one.
        retry_after_s: how long the provider asks to wait, if it says.
    """

    status_code: int | None = None
    retry_after_s: float | None = None


class MemoryFailed(PortError):
    """A conversation could not be read or stored."""


class RecorderError(PortError):
    """The log of a run could not be written or read."""


class SharedStateError(PortError):
    """What decorators of ports share could not be read or written: a budget's ledger, a rate limit's turns, a cache."""


class ToolboxUnavailable(PortError):
    """The server behind a toolbox cannot be reached, has ended, or does not answer."""

    retryable = True


class BotError(LlamabotError):
    """The model stayed within the rules of the wire and still gave no result."""


class Attempt(msgspec.Struct, frozen=True):
    """One rejected answer: what the model wrote and why it was not accepted."""

    text: str
    error: str


class AnswerNotParsed(BotError):
    """No answer fitted the asked-for type.

    Attributes:
        attempts: every answer with its error, oldest first.
    """

    def __init__(self, message: str, *, attempts: tuple[Attempt, ...] = ()) -> None:
        super().__init__(message)
        self.attempts = attempts


class LimitReached(BotError):
    """A limit of the call was reached.

    Attributes:
        limit: the field of `Limits` that stopped the run.
    """

    def __init__(self, message: str, *, limit: str = "") -> None:
        super().__init__(message)
        self.limit = limit


class RunPaused(LlamabotError):
    """The run waits for someone's decision; `resume` goes on with it.

    Attributes:
        calls: the calls of tools that it waits for.
        asked_by: the run whose calls they are: this one, or one inside of it.
    """

    def __init__(self, message: str, *, calls: tuple[ToolCall, ...] = (), asked_by: str | None = None) -> None:
        super().__init__(message)
        self.calls = calls
        self.asked_by = asked_by


class ApprovalNeeded(RunPaused):
    """Tools want someone's yes: `resume(run_id, approvals={call_id: True})`, or `lmb.Denied(…)`."""


class ToolOutcomeUnknown(RunPaused):
    """Tools that must not run twice had begun when the run broke off: `resume(run_id, outcomes={call_id: "…"})`."""
