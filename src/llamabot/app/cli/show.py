"""`llamabot show`: a run as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llamabot.app.cli.formats import cost_text, duration_text, moment_text, usage_text
from llamabot.app.cli.nesting import RunNode, find_run, nested
from llamabot.app.cli.runs import STATUS_STYLES
from llamabot.app.cli.session import open_log
from llamabot.app.cli.terminal import display, visible
from llamabot.domain.trace import EffectTrace, read_trace
from llamabot.ports.messages import Message
from llamabot.ports.recorder import ErrorRecord, RecorderPort

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

__all__ = ["run_tree", "show"]

_LONGEST_LINES = 8
_LONGEST_TEXT = 800


def show(run_id: str, *, full: bool) -> None:
    """Print a run, its effects and the runs inside it."""
    recorder, _ = open_log()
    display(run_tree(recorder, find_run(recorder, run_id).run_id, full=full))


def run_tree(recorder: RecorderPort, run_id: str, *, full: bool = False) -> Tree:
    """Return a run as rich draws it.

    Args:
        recorder: the log that has it.
        run_id: whole, of a run that is known.
        full: show long messages whole.
    """
    summary = read_trace(recorder.events(run_id)).summary
    return _Drawing(recorder, full=full).run(nested(recorder, summary))


class _Drawing:
    """Draws one tree."""

    def __init__(self, recorder: RecorderPort, *, full: bool) -> None:
        self._recorder = recorder
        self._full = full

    def run(self, node: RunNode, tree: Tree | None = None) -> Tree:
        """Draw a run below a branch, or as the root: effects and inner runs in the order of their start."""
        from rich.tree import Tree

        label = _head(node)
        branch = Tree(label, guide_style="dim") if tree is None else tree.add(label)
        trace = read_trace(self._recorder.events(node.summary.run_id))
        parts: list[tuple[int, RunNode | EffectTrace]] = [(child.summary.started_ns, child) for child in node.children]
        parts += [(effect.started_ns, effect) for effect in trace.effects]
        transcript = _Transcript()
        for _, part in sorted(parts, key=lambda part: part[0]):
            if isinstance(part, RunNode):
                self.run(part, branch)
            else:
                self._effect(part, branch, transcript)
        return branch

    def _effect(self, effect: EffectTrace, tree: Tree, transcript: _Transcript) -> None:
        """Draw an effect with the messages that the tree has not shown yet."""
        branch = tree.add(_effect_line(effect))
        for part in transcript.news(effect) if not self._full else _messages_of(effect):
            if isinstance(part, str):
                branch.add(_line((part, "dim")))
            else:
                self._message(part, branch)
        if effect.error is not None:
            branch.add(_error(effect.error))

    def _message(self, message: Message, tree: Tree) -> None:
        from rich.table import Table
        from rich.text import Text

        role = type(message).__name__.removesuffix("Message").lower()
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True, min_width=9)
        grid.add_column(overflow="fold")
        reasoning = getattr(message, "reasoning", None)
        if reasoning:
            grid.add_row(Text("reasoning", "dim"), Text(self._clipped(reasoning), "dim"))
        calls = [f"{call.name}({call.arguments})" for call in getattr(message, "tool_calls", ())]
        text = "\n".join(filter(None, [message.text, *calls])) or "(empty)"
        grid.add_row(Text(role, "cyan"), Text(self._clipped(text), "" if text != "(empty)" else "dim"))
        tree.add(grid)

    def _clipped(self, text: str) -> str:
        text = visible(text).strip("\n")
        if self._full:
            return text
        lines = text[:_LONGEST_TEXT].split("\n")[:_LONGEST_LINES]
        shown = "\n".join(lines)
        left = len(text) - len(shown)
        return shown if left <= 0 else f"{shown} … {left:,} more characters (--full)"


def _head(node: RunNode) -> Text:
    run = node.summary
    facts = [node.model, moment_text(run.started_ns)]
    if run.finished_ns is not None:
        facts.append(duration_text(run.finished_ns - run.started_ns))
    if node.usage.total_tokens:
        facts += [usage_text(node.usage), cost_text(node.cost_usd) or "cost unknown"]
    facts += [f"{name}={value}" for name, value in run.tags.items()]
    head = _line((run.bot, "bold"), (str(run.status), STATUS_STYLES[run.status]), (run.run_id, "dim"))
    head.append("\n" + visible(" · ".join(filter(None, facts))), "dim")
    if run.error is not None:
        head.append("\n").append_text(_error(run.error))
    return head


class _Transcript:
    """What of a conversation was shown already: a request repeats the one before it, and what was recalled."""

    def __init__(self) -> None:
        self._seen: tuple[Message, ...] = ()
        self._recalled: tuple[Message, ...] = ()

    def news(self, effect: EffectTrace) -> list[Message | str]:
        """Return the messages of an effect that are new; words for those that are not."""
        if effect.effect == "recall":
            self._recalled = effect.messages
            return [_count(effect.messages)]
        if effect.request is None:
            return [_count(effect.messages)] if effect.messages else []
        messages = _messages_of(effect)
        common = _common(self._seen, messages)
        self._seen = messages
        return self._without_recalled(messages[common:])

    def _without_recalled(self, messages: tuple[Message, ...]) -> list[Message | str]:
        for start in range(len(messages)):
            end = start + len(self._recalled)
            if self._recalled and messages[start:end] == self._recalled:
                return [*messages[:start], f"{_count(self._recalled)} recalled", *messages[end:]]
        return list(messages)


def _messages_of(effect: EffectTrace) -> tuple[Message, ...]:
    asked = effect.request.messages if effect.request else effect.messages
    answered = effect.completion.message if effect.completion else effect.partial
    return (*asked, *([answered] if answered else ()))


def _count(messages: tuple[Message, ...]) -> str:
    return f"{len(messages)} {'message' if len(messages) == 1 else 'messages'}"


def _effect_line(effect: EffectTrace) -> Text:
    facts = [] if effect.attempt == 1 else [f"attempt {effect.attempt}"]
    if effect.finished_ns is None:
        facts.append("not finished")
    else:
        facts.append(duration_text(effect.finished_ns - effect.started_ns))
    if effect.first_ns is not None:
        facts.append(f"first token after {duration_text(effect.first_ns)}")
    if effect.usage is not None and effect.usage.total_tokens:
        facts += [usage_text(effect.usage), cost_text(effect.cost_usd)]
    facts += _settings(effect)
    return _line((effect.path, "bold"), (effect.effect, "bold"), (" · ".join(filter(None, facts)), "dim"))


def _settings(effect: EffectTrace) -> list[str]:
    request = effect.request
    if request is None:
        return []
    named = {"temperature": request.temperature, "max_tokens": request.max_tokens, **request.options}
    schema = [] if request.output is None else [f"schema {request.output.name}"]
    shown = {name: f"{value:g}" if isinstance(value, float) else value for name, value in named.items()}
    return [f"{name} {value}" for name, value in shown.items() if value is not None] + schema


def _error(error: ErrorRecord) -> Text:
    return _line((error.type, "bold red"), (error.message, "red"))


def _line(*parts: tuple[str, str]) -> Text:
    from rich.text import Text

    line = Text(overflow="fold")
    for text, style in parts:
        line.append(("  " if line else "") + visible(text), style)
    return line


def _common(before: tuple[Message, ...], after: tuple[Message, ...]) -> int:
    """Return how many messages two conversations begin with alike."""
    count = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        count += 1
    return count
