"""Two agents, and a router with a graph of its own: it picks one of them, whose answer is the answer.

Run it alone for a scripted model, offline, or with the name of a real one: `router.py openai/gpt-5-mini`.
"""

import sys

import msgspec
from pocketflow import Flow

import llamabot as lmb
from llamabot.testing import ScriptedCompletion


@lmb.tool
def balance(customer: str) -> str:
    """Return what a customer owes."""
    return f"{customer} owes 12 euros"


@lmb.tool
def status(device: str) -> str:
    """Return how a device is."""
    return f"the {device} has been offline for two hours"


class RouteNode(lmb.DecideNode):
    """Ask who should answer; somebody must be named."""

    def prep(self, shared: lmb.AgentState) -> tuple[lmb.CompletionRequest, tuple[lmb.Message, ...]]:
        """Return what the model is asked."""
        return msgspec.structs.replace(shared.request, tool_choice="required"), tuple(shared.messages)


class HandOverNode(lmb.ToolsNode):
    """Let an agent answer; if it cannot, ask again who should."""

    def post(self, shared: lmb.AgentState, prep_res: lmb.AgentState, results: list[lmb.ToolResult]) -> str:
        """Take the answer for that of the run."""
        if not any(result.is_error for result in results):
            shared.end("\n".join(result.text for result in results))
        return super().post(shared, prep_res, results)


billing = lmb.AgentBot("You answer questions about bills.", tools=[balance], name="billing")
repairs = lmb.AgentBot("You answer questions about broken devices.", tools=[status], name="repairs")
route, hand_over, end = RouteNode(), HandOverNode(), lmb.EndNode()
route - "(calls)" >> hand_over >> route
route - "(answer)" >> end
hand_over - "(ended)" >> end
router = lmb.AgentBot("You pick who answers.", tools=[billing.as_tool(), repairs.as_tool()], graph=Flow(start=route))

CALLS = [("repairs", '{"question": "What is wrong with the modem?"}'), ("status", '{"device": "modem"}')]
SCRIPT = [*(lmb.AssistantMessage(tool_calls=(lmb.ToolCall("", *call),)) for call in CALLS), "It is offline."]

if __name__ == "__main__":
    model = sys.argv[1] if len(sys.argv) > 1 else "a script"
    lmb.configure(model=model, completion=ScriptedCompletion(SCRIPT) if model == "a script" else None)
    print(f"The model is {model}.", router.mermaid(), router("My modem is dark. What is wrong?"), sep="\n")
