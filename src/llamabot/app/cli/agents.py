"""The agents and bots of the command line: one made of its options, or one of the user's own code."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Unpack

import msgspec

from llamabot.app.cli.importing import AnyBot, load_bot, load_tools, own_code
from llamabot.app.cli.nesting import find_run
from llamabot.app.cli.session import completion_for, defaults, here
from llamabot.app.settings import Settings
from llamabot.domain.agent import AgentBot, AgentSettings
from llamabot.domain.resolve import resolve_instruments
from llamabot.ports.errors import ConfigurationError, UsageError
from llamabot.ports.recorder import RecorderPort
from llamabot.ports.summary import RunSummary

__all__ = ["AgentOptions", "agent_of", "bot_of", "bot_of_run", "own_defaults"]


class AgentOptions(msgspec.Struct, frozen=True):
    """How a command was told which bot is meant.

    Attributes:
        bot: `module:name` of one of the user's own; the others are then left out.
        tools: `module:name` of functions and toolboxes, one or several between commas.
        mcp: programs that speak MCP on stdin and stdout, each with its arguments.
    """

    bot: str | None = None
    tools: tuple[str, ...] = ()
    mcp: tuple[str, ...] = ()
    system: str = ""
    model: str | None = None
    temperature: float | None = None

    def words(self) -> list[str]:
        """Return the options that mean this bot again, where the log knows its model."""
        named = {"--bot": (self.bot,), "--tools": self.tools, "--mcp": self.mcp, "--system": (self.system,)}
        if self.temperature is not None:
            named["--temperature"] = (f"{self.temperature:g}",)
        return [word for name, values in named.items() for value in values if value for word in (name, value)]


@contextmanager
def own_defaults() -> Iterator[Settings]:
    """Let a block run the user's own code, whose bots record to the command line's log if they name no other."""
    with own_code(here()[0]), defaults() as settings:
        yield settings


@contextmanager
def agent_of(
    choice: AgentOptions, settings: Settings, *, asks: bool = True, **more: Unpack[AgentSettings]
) -> Iterator[AgentBot]:
    """Give the agent that the options describe.

    Args:
        choice: that names no bot.
        settings: say which model is used where the options do not.
        asks: a model will be asked.
        more: settings of the agent.
    """
    with ExitStack() as servers:
        boxes = [servers.enter_context(_server(command)) for command in choice.mcp]
        tools = [*load_tools(choice.tools), *boxes]
        more["name"] = "agent"
        if asks:
            model, more["completion"] = completion_for(choice.model, settings)
            more["model"] = model or None
        if choice.temperature is not None:
            more["temperature"] = choice.temperature
        yield AgentBot(choice.system, tools=tools, **more)


@contextmanager
def bot_of(options: AgentOptions, settings: Settings, *, asks: bool = True) -> Iterator[AnyBot]:
    """Give the bot that is named, or the agent that the options describe."""
    if options.bot is None:
        if not (options.tools or options.mcp):
            raise UsageError("say which bot it was: --bot module:name, or the --tools of `llamabot agent`")
        with agent_of(options, settings, asks=asks) as agent:
            yield agent
    elif options != AgentOptions(options.bot):
        raise UsageError("a --bot has tools, a system prompt and a model of its own")
    else:
        yield load_bot(options.bot)


@contextmanager
def bot_of_run(
    options: AgentOptions, settings: Settings, wanted: str, *, asks: bool = True
) -> Iterator[tuple[AnyBot, RecorderPort, RunSummary]]:
    """Give the bot of a run, with the run and the log that has it."""
    if options.bot is None and options.model is None:
        model = find_run(_log_of({}), wanted).model
        options = msgspec.structs.replace(options, model=model)
    with bot_of(options, settings, asks=asks) as bot:
        recorder = _log_of(bot._settings)  # noqa: SLF001 - what it was given, which only it knows
        yield bot, recorder, find_run(recorder, wanted)


def _log_of(settings: Any) -> RecorderPort:
    recorder, _, _ = resolve_instruments(settings)
    if recorder is None:
        raise ConfigurationError("recording is off: there is no run to go on with")
    return recorder


def _server(command: str) -> Any:
    from llamabot.adapters.mcp import McpToolbox

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--mcp {command!r} cannot be split into words: {error}") from error
    if not words:
        raise UsageError("--mcp names no program")
    return McpToolbox.stdio(*words)
