"""An agent with a graph of its own: it writes a plan first, and then acts on it.

Run it alone for a scripted model, offline, or with the name of a real one: `plan_then_act.py openai/gpt-5-mini`.
"""

import sys
from collections.abc import Generator
from typing import Any

import msgspec
from pocketflow import Flow, Node

import llamabot as lmb
from llamabot.testing import ScriptedCompletion

STOCK = {"apples": 12, "pears": 3}


@lmb.tool
def count(fruit: str) -> int:
    """Return how many of a fruit are in the store."""
    return STOCK[fruit]


class PlanNode(Node):
    """Ask for a plan, without tools; the plan becomes a part of the transcript."""

    def prep(self, shared: lmb.AgentState) -> lmb.CompletionRequest:
        """Return what the model is asked."""
        shared.messages.append(lmb.user("First write a plan, in one line. Do not act yet."))
        return msgspec.structs.replace(shared.request, messages=tuple(shared.messages), tools=())

    def exec(self, request: lmb.CompletionRequest) -> Generator[Any, Any, lmb.Completion]:
        """Ask; what is yielded is logged, limited, streamed and resumed."""
        return (yield from lmb.effects.Complete(request))

    def post(self, shared: lmb.AgentState, request: lmb.CompletionRequest, plan: lmb.Completion) -> None:
        """Take the plan in."""
        shared.messages += [plan.message, lmb.user("Now carry the plan out.")]


plan, act, tools, end = PlanNode(), lmb.DecideNode(), lmb.ToolsNode(), lmb.EndNode()
plan >> act
act - "(calls)" >> tools >> act
act - "(answer)" >> end
tools - "(ended)" >> end
agent = lmb.AgentBot("You keep a store.", tools=[count], graph=Flow(start=plan))

CALLS = tuple(lmb.ToolCall(f"call-{fruit}", "count", f'{{"fruit": "{fruit}"}}') for fruit in STOCK)
SCRIPT = ["Count both, then compare.", lmb.AssistantMessage(tool_calls=CALLS), "There are 9 more apples than pears."]

if __name__ == "__main__":
    model = sys.argv[1] if len(sys.argv) > 1 else "a script"
    lmb.configure(model=model, completion=ScriptedCompletion(SCRIPT) if model == "a script" else None)
    print(f"The model is {model}.")
    print(agent.mermaid())
    for message in agent.run("Are there more apples or pears, and how many more?").messages:
        print(f"{type(message).__name__}: {message.text}", *getattr(message, "tool_calls", ()))
