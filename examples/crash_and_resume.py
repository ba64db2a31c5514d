"""An agent that survives: stop this script with Ctrl-C or `kill -9`, start it again, and the run goes on.

Run it alone for a scripted model, offline, or with the name of a real one. Its log is `crash_and_resume.db`, here.
"""

import os
import sys
import time

import llamabot as lmb
from llamabot.testing import FunctionCompletion

STATIONS = 10


@lmb.tool
def measure(station: int, context: lmb.RunContext[None]) -> str:
    """Measure at a station. It takes a second; after a crash it is done again, with the same key."""
    print(f"measuring at station {station} …", flush=True)
    time.sleep(float(os.environ.get("SECONDS_A_STATION", "1")))
    print(f"  done ({context.idempotency_key})", flush=True)
    return f"station {station}: {station * 7 % 10} degrees"


def script(request: lmb.CompletionRequest) -> lmb.AssistantMessage:
    """Play the model: one station after the other, then the answer."""
    done = sum(isinstance(message, lmb.ToolMessage) for message in request.messages)
    if done == STATIONS:
        return lmb.AssistantMessage(f"All {STATIONS} stations are measured.")
    return lmb.AssistantMessage(tool_calls=(lmb.ToolCall("", "measure", f'{{"station": {done + 1}}}'),))


def main(model: str) -> None:
    """Go on with the run that broke off, or begin one."""
    recorder = lmb.SqliteRecorder("crash_and_resume.db", durable=True)
    lmb.configure(model=model, completion=FunctionCompletion(script) if model == "a script" else None)
    agent = lmb.AgentBot("You measure, one station at a time.", tools=[measure], recorder=recorder)
    latest = next(recorder.runs(limit=1), None)
    if latest is None or latest.status == "completed":
        print(f"A new run of {model}. Its process is {os.getpid()}: stop it, then start this script again.")
        result = agent.run(f"Measure at stations 1 to {STATIONS}.")
    else:
        print(f"Run {latest.run_id} is {latest.status}; it goes on. This process is {os.getpid()}.")
        result = agent.resume(latest.run_id)
    print(result.text, f"{result.usage.total_tokens} tokens, each paid once.")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "a script")
    except KeyboardInterrupt:
        print("\nStopped. Start me again.")
