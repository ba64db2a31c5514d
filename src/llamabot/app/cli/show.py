"""`llamabot show`: a run as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabot.app.cli.formats import cost_text, duration_text, moment_text, usage_text
from llamabot.app.cli.nesting import RunNode, find_run, nested
from llamabot.app.cli.runs import STATUS_STYLES
from llamabot.app.cli.session import open_log
from llamabot.app.cli.terminal import display, visible
from llamabot.app.cli.timeline import Happening, Turn, happenings
from llamabot.app.cli.transcripts import Transcript, messages_of
from llamabot.domain.retrieval import Retrieval
from llamabot.domain.trace import EffectTrace, read_trace
from llamabot.ports.messages import Message
from llamabot.ports.recorder import ErrorRecord, RecorderPort, RunStatus, TryRecord

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text
    from rich.tree import Tree

__all__ = ["run_tree", "show"]

_LONGEST_LINES = 8
_LONGEST_TEXT = 800
_LONGEST_ARGUMENTS = 160
_LONGEST_WORDS = 80


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
        """Draw a run below a branch, or as the root: what happened in it, in the order of its beginning."""
        from rich.tree import Tree

        label = _head(node)
        branch = Tree(label, guide_style="dim") if tree is None else tree.add(label)
        events = self._recorder.events(node.summary.run_id)
        trace = read_trace(events)
        transcript = Transcript(trace)
        for happening in happenings(node, trace, events):
            self._happening(happening, branch, transcript)
        return branch

    def _happening(self, happening: Happening, tree: Tree, transcript: Transcript) -> None:
        match happening.what:
            case RunNode() as node:
                self.run(node, tree)
            case Turn() as turn:
                tree.add(_turn_line(turn))
            case effect:
                branch = tree.add(_effect_line(effect, self._what(effect, transcript)))
                for node in happening.inside:
                    self.run(node, branch)
                self._contents(effect, branch, transcript)

    def _what(self, effect: EffectTrace, transcript: Transcript) -> str:
        """Return what of an effect is said in its line, beside its kind."""
        match effect.effect:
            case "call_tool" if effect.call is not None:
                return self._call(effect.call.name, transcript.arguments(effect))
            case "ask_approval" if effect.call is not None:
                return f"{effect.call.name}: {_answer(effect.outcome)}"
            case "retrieve" if effect.search is not None:
                return self._call(effect.search.query, str(dict(effect.search.where or {}) or ""))
            case "list_tools" if effect.outcome:
                return ", ".join(tool["spec"]["name"] for tool in effect.outcome)
            case _:
                return ""

    def _contents(self, effect: EffectTrace, branch: Tree, transcript: Transcript) -> None:
        """Draw what an effect gave: what was tried before, messages not shown yet, a result, an error."""
        for one in effect.tried:
            branch.add(_tried(one))
        for part in messages_of(effect) if self._full else transcript.news(effect):
            if isinstance(part, str):
                branch.add(_line((part, "dim")))
            else:
                self._message(part, branch, transcript)
        if effect.retrieval is not None:
            branch.add(self._rows(self._found(effect.retrieval)))
        if effect.result is not None:
            role, style = ("error", "red") if effect.result.is_error else ("result", "cyan")
            branch.add(self._rows([(role, effect.result.text or "(empty)", style)]))
        if effect.error is not None:
            branch.add(_error(effect.error))

    def _message(self, message: Message, tree: Tree, transcript: Transcript) -> None:
        role = type(message).__name__.removesuffix("Message").lower()
        reasoning = getattr(message, "reasoning", None)
        rows = [("reasoning", reasoning, "dim")] if reasoning else []
        calls = transcript.asked_for(message)
        if message.text or not calls:
            rows.append((role, message.text or "(empty)", "cyan"))
        rows += [("calls", call, "cyan") for call in calls]
        tree.add(self._rows(rows))

    def _found(self, retrieval: Retrieval) -> list[tuple[str, str, str]]:
        """Return a row for each passage: its score, dim where it is probably not about the query, and its place."""
        rows = []
        for match in retrieval.matches:
            passage = match.passage
            place = str(passage.place) or passage.document_id
            begin = " ".join(passage.text.split())[:_LONGEST_WORDS]
            words = f"{place}\n{passage.text}" if self._full else f"{place}: {begin}"
            rows.append((f"{match.score:.3f}", words, "dim" if match.score < retrieval.relevant_score else "cyan"))
        return rows or [("nothing", "was found", "dim")]

    def _rows(self, rows: list[tuple[str, str, str]]) -> Table:
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True, min_width=9)
        grid.add_column(overflow="fold")
        for role, text, style in rows:
            grid.add_row(Text(role, style), Text(self._clipped(text), "dim" if style == "dim" else ""))
        return grid

    def _call(self, name: str, arguments: str) -> str:
        text = f"{name} {' '.join(arguments.split())}"
        cut = not self._full and len(text) > _LONGEST_ARGUMENTS
        return f"{text[:_LONGEST_ARGUMENTS]}…" if cut else text

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
        head.append("\n").append_text((_reason if run.status is RunStatus.PAUSED else _error)(run.error))
    return head


def _turn_line(turn: Turn) -> Text:
    word = "resumed" if turn.status is RunStatus.RUNNING else str(turn.status)
    line = _line((word, f"bold {STATUS_STYLES[turn.status]}"), (moment_text(turn.at_ns), "dim"))
    return line if turn.error is None else line.append("  ").append_text(_reason(turn.error))


def _reason(error: ErrorRecord) -> Text:
    """Return why a run stopped that can go on; how a program goes on with it is left out."""
    return _line((error.type, "bold"), (error.message.partition("; ")[0], ""))


def _answer(outcome: Any) -> str:
    """Return what someone has said to a call."""
    if not outcome:
        return "no answer"
    by = f" by {outcome['by']}" if outcome.get("by") else ""
    reason = f": {outcome['reason']}" if outcome.get("reason") else ""
    changed = f", with {outcome['arguments']}" if outcome.get("arguments") else ""
    return f"{outcome['answer']}{by}{reason}{changed}"


def _effect_line(effect: EffectTrace, what: str) -> Text:
    facts = [] if effect.attempt == 1 else [f"attempt {effect.attempt}"]
    if effect.finished_ns is None:
        facts.append("not finished")
    else:
        facts.append(duration_text(effect.finished_ns - effect.started_ns))
    if effect.first_ns is not None:
        facts.append(f"first token after {duration_text(effect.first_ns)}")
    if effect.usage is not None and effect.usage.total_tokens:
        facts += [usage_text(effect.usage), cost_text(effect.cost_usd)]
    if effect.completion is not None and effect.completion.from_cache:
        facts.append("from the cache")
    facts += _settings(effect)
    named = [(effect.path, "bold"), (effect.effect, "bold"), *([(what, "")] if what else [])]
    return _line(*named, (" · ".join(filter(None, facts)), "dim"))


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


def _tried(one: TryRecord) -> Text:
    error = [] if one.error is None else [(one.error.type, "yellow"), (one.error.message, "dim")]
    waited = [(f"waited {one.waited_s:.3g} s", "dim")] if one.waited_s else []
    named = [(one.model, "")] if one.model else []
    return _line((one.by, "yellow"), *named, *error, *waited)


def _line(*parts: tuple[str, str]) -> Text:
    from rich.text import Text

    line = Text(overflow="fold")
    for text, style in parts:
        line.append(("  " if line else "") + visible(text), style)
    return line
