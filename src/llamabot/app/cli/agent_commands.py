"""The commands about agents, and their options: `agent`, `resume`, `replay`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from llamabot.app.cli.options import (
    Bot,
    Cost,
    Deadline,
    Decisions,
    Mcp,
    Model,
    NoStream,
    Run,
    System,
    Temperature,
    Tokens,
    ToolCalls,
    Tools,
    given,
)

__all__ = ["add_to"]


_Approve: TypeAlias = Annotated[list[str] | None, typer.Option("--approve", metavar="CALL_ID", help="It may run.")]
_Deny: TypeAlias = Annotated[
    list[str] | None, typer.Option("--deny", metavar="CALL_ID=REASON", help="It may not; the model is told why.")
]
_Outcome: TypeAlias = Annotated[
    list[str] | None, typer.Option("--outcome", metavar="CALL_ID=TEXT", help="What came of a call cut off.")
]
_AcceptChanges: TypeAlias = Annotated[
    bool, typer.Option("--accept-changes", help="Go on though prompt, tools or code differ from then.")
]


def add_to(application: typer.Typer) -> None:
    """Give an application these commands."""
    for command in (_agent, _resume, _replay):
        application.command(command.__name__.strip("_"))(command)


def _agent(
    words: Annotated[list[str] | None, typer.Argument(metavar="QUESTION", show_default=False)] = None,
    tools: Tools = None,
    mcp: Mcp = None,
    model: Model = None,
    system: System = "",
    temperature: Temperature = None,
    decisions: Decisions = None,
    tool_calls: ToolCalls = None,
    tokens: Tokens = None,
    cost_usd: Cost = None,
    deadline_s: Deadline = None,
    no_stream: NoStream = False,
) -> None:
    """Let a model work with tools until it has the answer."""
    from llamabot.app.cli.agent import agent as work
    from llamabot.app.cli.agents import AgentOptions

    options = AgentOptions(None, tuple(tools or ()), tuple(mcp or ()), system, model, temperature)
    limits = given(decisions=decisions, tool_calls=tool_calls, tokens=tokens, cost_usd=cost_usd, deadline_s=deadline_s)
    work(" ".join(words or ()), options, limits=limits, stream=not no_stream)


def _resume(
    run_id: Run,
    bot: Bot = None,
    tools: Tools = None,
    mcp: Mcp = None,
    model: Model = None,
    system: System = "",
    temperature: Temperature = None,
    approve: _Approve = None,
    deny: _Deny = None,
    outcome: _Outcome = None,
    decisions: Decisions = None,
    tool_calls: ToolCalls = None,
    tokens: Tokens = None,
    cost_usd: Cost = None,
    deadline_s: Deadline = None,
    accept_changes: _AcceptChanges = False,
    no_stream: NoStream = False,
) -> None:
    """Go on with a run that was stopped, limited, paused or killed. What is done is not done again."""
    from llamabot.app.cli.agent import resume as work
    from llamabot.app.cli.agents import AgentOptions
    from llamabot.app.cli.deciding import approvals_of, outcomes_of

    work(
        run_id,
        AgentOptions(bot, tuple(tools or ()), tuple(mcp or ()), system, model, temperature),
        approvals=approvals_of(approve or (), deny or ()),
        outcomes=outcomes_of(outcome or ()),
        limits=given(
            decisions=decisions, tool_calls=tool_calls, tokens=tokens, cost_usd=cost_usd, deadline_s=deadline_s
        ),
        accept_changes=accept_changes,
        stream=not no_stream,
    )


def _replay(
    recording: Annotated[str, typer.Argument(metavar="RUN|FILE.json", help="A run, or a file that `export` wrote.")],
    bot: Bot = None,
    tools: Tools = None,
    mcp: Mcp = None,
    system: System = "",
    temperature: Temperature = None,
) -> None:
    """Go through a recorded run again, asking nobody; say where the bot would do otherwise today."""
    from llamabot.app.cli.agent import replay as work
    from llamabot.app.cli.agents import AgentOptions

    work(recording, AgentOptions(bot, tuple(tools or ()), tuple(mcp or ()), system, None, temperature))
