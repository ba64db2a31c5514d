"""Run the Python blocks of a Markdown file, in order, in one namespace, away from the network.

    python code_blocks.py README.md

Needs the standard library and llamabot, nothing else, so that it also runs where only the wheel is installed. A comment
before a block says what the block needs:

    <!-- test: completion=["Hi!", "Bye!"] -->   these answers, in place of any model; each of them is used
    <!-- test: completion=[[("add", {"a": 1, "b": 2})], "3"] -->   calls of tools, then an answer
    <!-- test: embedded -->                     the embedded model
    <!-- test: compile -->                      a key or a network: it is compiled, and its names are looked up
    <!-- test: pytest -->                       pytest: it is a file, named by the comment in its first line

A block without a comment talks to no model, or brings its own. `await` may stand outside of a function.
"""

from __future__ import annotations

import ast
import asyncio
import contextvars
import importlib
import inspect
import itertools
import json
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<language>\w*)")
COMMENT = re.compile(r"<!--\s*test:(?P<needs>.*?)-->", re.DOTALL)
NEEDS = {"completion", "embedded", "compile", "pytest"}
# Hypothesis works its tables of characters out in seconds, unless they are where it keeps them for the tests.
TABLES = Path(__file__).resolve().parents[2] / ".hypothesis"
SHORT_SEARCHES = f"""
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
set_hypothesis_home_dir({str(TABLES)!r})
settings.register_profile("short", max_examples=8, deadline=None, derandomize=True, database=None)
settings.load_profile("short")
"""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its code, the line before its first, and what its comment asks for."""

    language: str
    code: str
    line: int
    needs: dict[str, Any] = field(default_factory=dict)


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a Markdown text."""
    lines = iter(enumerate(text.splitlines(), 1))
    before: list[str] = []
    for number, line in lines:
        opening = FENCE.match(line)
        if not opening:
            before.append(line)
            continue
        code = _until(opening["ticks"], (inside for _, inside in lines))
        yield Block(opening["language"], code, number, _needs("\n".join(before)))
        before.clear()


def _until(ticks: str, lines: Iterator[str]) -> str:
    return textwrap.dedent("\n".join(itertools.takewhile(lambda line: line.strip() != ticks, lines))) + "\n"


def _needs(before: str) -> dict[str, Any]:
    """Read the comment that stands right before a block."""
    comments = [match for match in COMMENT.finditer(before) if not before[match.end() :].strip()]
    if not comments:
        return {}
    call = ast.parse(f"needs({comments[-1]['needs'].strip()})", mode="eval").body
    assert isinstance(call, ast.Call)
    needs = {ast.unparse(flag): True for flag in call.args}
    needs |= {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    if not needs.keys() <= NEEDS:
        raise ValueError(f"a test comment asks for {sorted(needs.keys() - NEEDS)}; it may ask for {sorted(NEEDS)}")
    return needs


def run(path: Path) -> None:
    """Run a file's Python blocks; what they raise names the file and the line."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    found = [block for block in blocks(path.read_text(encoding="utf-8")) if block.language == "python"]
    with asyncio.Runner() as runner:
        for block in found:
            if "pytest" not in block.needs:
                _run_block(block, path, namespace, runner)
    files = [block.code for block in found if "pytest" in block.needs]
    if files:
        _run_pytest(files)


def _run_pytest(files: list[str]) -> None:
    """Write files into a folder of their own, and run the tests among them."""
    with tempfile.TemporaryDirectory() as folder:
        for code in files:
            name = code.partition("\n")[0].removeprefix("#").strip()
            Path(folder, name).write_text(code, encoding="utf-8")
        Path(folder, "conftest.py").write_text(SHORT_SEARCHES, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)


def _run_block(block: Block, path: Path, namespace: dict[str, Any], runner: asyncio.Runner) -> None:
    source = "\n" * block.line + block.code
    code = compile(source, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if "compile" in block.needs:
        _look_up_names(ast.parse(source), path)
    elif "completion" in block.needs:
        _run_scripted(code, block.needs["completion"], namespace, runner)
    else:
        _run_code(code, namespace, runner)


def _run_scripted(code: CodeType, script: list[Any], namespace: dict[str, Any], runner: asyncio.Runner) -> None:
    """Run code with a script in place of any model, and see that all of it is used."""
    import llamabot
    from llamabot.testing import ScriptedCompletion

    completion = ScriptedCompletion([_asked(step, number) for number, step in enumerate(script, 1)])
    with llamabot.override(completion=completion):
        _run_code(code, namespace, runner)
    completion.assert_finished()


def _asked(step: Any, number: int) -> Any:
    """Return a step as it is, or as the message that asks for its calls: `call-1`, or `call-1-2` for a second."""
    import llamabot

    if isinstance(step, str):
        return step
    ids = [f"call-{number}", *(f"call-{number}-{index}" for index in range(2, len(step) + 1))]
    calls = [llamabot.ToolCall(id_, name, json.dumps(given)) for id_, (name, given) in zip(ids, step, strict=True)]
    return llamabot.AssistantMessage(tool_calls=tuple(calls))


def _run_code(code: CodeType, namespace: dict[str, Any], runner: asyncio.Runner) -> None:
    if code.co_flags & inspect.CO_COROUTINE:
        runner.run(eval(code, namespace), context=contextvars.copy_context())
    else:
        exec(code, namespace)


def _look_up_names(tree: ast.Module, path: Path) -> None:
    """See that what a block takes from llamabot is there."""
    for node in ast.walk(tree):
        module, names = _taken(node)
        missing = [name for name in names if not hasattr(importlib.import_module(module), name)]
        if missing:
            raise AttributeError(f"{path}:{getattr(node, 'lineno', 0)}: {module} has no {', '.join(missing)}")


def _taken(node: Any) -> tuple[str, list[str]]:
    match node:
        case ast.Attribute(value=ast.Name(id="lmb" | "llamabot"), attr=name):
            return "llamabot", [name]
        case ast.ImportFrom(module=str(module)) if module.partition(".")[0] == "llamabot":
            return module, [alias.name for alias in node.names]
    return "llamabot", []


def _close_the_network() -> None:
    """Refuse connections to other machines."""

    def refuse(event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(args[1], tuple) and args[1][0] not in LOOPBACK:
            raise PermissionError(f"a code block tried to reach {args[1]!r}")
        if event == "socket.getaddrinfo" and args[0] not in (*LOOPBACK, None):
            raise PermissionError(f"a code block tried to look up {args[0]!r}")

    sys.addaudithook(refuse)


def _let_hypothesis_take_its_time() -> None:
    """Search alike each time, and not for long; drawing slowly is no fault, for a machine may be busy."""
    from hypothesis import HealthCheck, settings
    from hypothesis.configuration import set_hypothesis_home_dir

    set_hypothesis_home_dir(TABLES)
    patient = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile("documents", **patient, max_examples=25, derandomize=True, database=None)
    settings.load_profile("documents")


if __name__ == "__main__":
    _close_the_network()
    if "hypothesis" in Path(sys.argv[1]).read_text(encoding="utf-8"):
        _let_hypothesis_take_its_time()
    run(Path(sys.argv[1]).resolve())
