"""What goes wrong between us and a server, in our words.

The vendor's errors come in groups, for it works in tasks; what counts is the innermost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabot.ports.errors import ConfigurationError, LlamabotError, ToolboxUnavailable

if TYPE_CHECKING:
    from llamabot.adapters.mcp.signs import Signs
    from llamabot.adapters.mcp.sources import Source

__all__ = ["ServerGone", "describe", "ends_connection", "innermost", "why_not_connected"]

_CONNECTION_CLOSED = -32000
_SESSION_TERMINATED = "Session terminated"
_DENIED = (401, 403)
_NOT_HERE = (404, 405, 406, 410)
_SERVER_FAILS = 500
_FAILED = 400


class ServerGone(Exception):
    """The connection ended before an answer came."""

    def __init__(self) -> None:
        super().__init__("the server ended, or the connection to it was closed, before it answered")


def innermost(error: BaseException) -> BaseException:
    """Return the error inside of groups, the first that is no cancellation."""
    while isinstance(error, BaseExceptionGroup):
        error = min(error.exceptions, key=lambda member: not isinstance(member, Exception))
    return error


def ends_connection(error: Exception) -> bool:
    """Say whether after this error the server has to be connected to anew."""
    code, text = getattr(error, "code", None), str(error)
    return isinstance(error, ServerGone) or code == _CONNECTION_CLOSED or text == _SESSION_TERMINATED


def describe(error: Exception, source: Source) -> str:
    """Return what the model is told of a call that gave no result."""
    if ends_connection(error):
        error = ServerGone()
    return source.secrets.scrubbed(str(error) or type(error).__name__)


def why_not_connected(error: BaseException, source: Source, signs: Signs, timeout_s: float) -> LlamabotError:
    """Return the error that says why there is no connection, and what mends that."""
    cause = innermost(error)
    if isinstance(cause, LlamabotError):
        return cause
    told = _told(cause, source, signs, timeout_s)
    told.__cause__ = cause
    source.secrets.scrub(told)
    return told


def _told(cause: BaseException, source: Source, signs: Signs, timeout_s: float) -> LlamabotError:
    server = f"the MCP server '{source}'"
    if isinstance(cause, TimeoutError):
        return ToolboxUnavailable(
            f"{server} did not answer as one within {timeout_s:g} s{_hints(signs)}; "
            "see that it is one, or give it longer: connect_timeout_s="
        )
    if isinstance(cause, OSError):
        return ConfigurationError(
            f"{server} cannot be started: {cause.strerror or cause}; see that the command is installed and on the PATH"
        )
    if signs.status is not None and signs.status >= _FAILED:
        return _refused(server, signs.status)
    if ends_connection(cause) if isinstance(cause, Exception) else True:
        return ToolboxUnavailable(f"{server} ended before it could be used{_hints(signs)}")
    if _is_of_network(cause):
        return ToolboxUnavailable(f"{server} cannot be reached ({cause}); see that it runs and listens there")
    first = str(cause).partition("\n")[0]
    return ConfigurationError(f"{server} does not speak MCP as we know it: {first}{_hints(signs)}")


def _refused(server: str, status: int) -> LlamabotError:
    if status in _DENIED:
        return ConfigurationError(f"{server} denies access (HTTP {status}); give it the right headers=")
    if status in _NOT_HERE:
        return ConfigurationError(f"{server} does not speak MCP there (HTTP {status}); mostly the path is /mcp")
    if status >= _SERVER_FAILS:
        return ToolboxUnavailable(f"{server} is failing (HTTP {status}); try again later")
    return ConfigurationError(f"{server} refuses the connection (HTTP {status})")


def _is_of_network(cause: BaseException) -> bool:
    """Tell errors of the HTTP client, without loading it."""
    return any(kind.__name__ == "TransportError" for kind in type(cause).__mro__)


def _hints(signs: Signs) -> str:
    babbled = "; it wrote lines to its stdout that are no MCP (logs belong on stderr)" if signs.babbled else ""
    words = signs.last_words()
    return babbled + (f"; the end of its stderr:\n{words}\n" if words else "")
