"""What the documents show is true: their Python runs, their commands exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from tests.docs.code_blocks import Block, blocks, run
from tests.project import ROOT, files, name_of

from llamabot.app.cli import main

RUNNER = Path(__file__).with_name("code_blocks.py")
DOCUMENTS = [path for path in files() if path.suffix == ".md"]
EXTRAS = re.compile(r"(?:llamabot|\.)\[([^]]*)\]")
ORDINARY = {"cat", "cd", "export", "git", "pip", "pytest", "python", "source"}


def _blocks(path: Path) -> list[Block]:
    return list(blocks(path.read_text(encoding="utf-8")))


RUNNABLE = [
    pytest.param(
        path, marks=[pytest.mark.embedded] if any("embedded" in block.needs for block in _blocks(path)) else []
    )
    for path in DOCUMENTS
    if path != ROOT / "README.md"  # it runs in tests/packaging/test_distribution.py
    and any(block.language == "python" for block in _blocks(path))
]
COMMANDS = sorted(
    {
        tuple(command)
        for path in DOCUMENTS
        for block in _blocks(path)
        if block.language == "console"
        for line in block.code.replace("\\\n", " ").splitlines()
        if line.startswith("$ ")
        for command in re.split(r"\s[|]\s|\s&&\s", line[2:])
        for command in [shlex.split(command, comments=True)]
    }
)


@pytest.mark.parametrize("path", RUNNABLE, ids=name_of)
def test_runs_the_python_of_a_document(path: Path, tmp_path: Path) -> None:
    _succeeds([sys.executable, "-W", "error", str(RUNNER), str(path)], tmp_path)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_knows_the_commands_of_the_documents(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    words = [word for word in command if not re.match(r"\w+=", word)]
    if words[0] == "make":
        assert set(words[1:]) <= _targets()
    elif words[0] == "llamabot":
        names = [word for word in words[1:3] if re.fullmatch(r"[a-z][a-z-]*", word)]
        assert main([*names, "--help"]) == 0
        help_text = capsys.readouterr().out
        assert [word for word in words if word.startswith("--") and word.partition("=")[0] not in help_text] == []
    else:
        assert words[0] in ORDINARY


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_names_only_extras_that_there_are(path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "pip install" in line]
    named = {name for line in lines for names in EXTRAS.findall(line) for name in names.split(",")}
    assert {name.strip() for name in named} <= _extras()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_to_files_that_there_are(path: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


def _succeeds(command: list[str], folder: Path) -> str:
    # One thread of the model: beside other tests two mostly wait for each other.
    settings = {"LLAMABOT_OFFLINE": "1", "OMP_THREAD_LIMIT": "1", "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@cache
def _targets() -> set[str]:
    return set(re.findall(r"^\.PHONY: ([a-z-]+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@cache
def _extras() -> set[str]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return set(pyproject["project"]["optional-dependencies"])


def _document(folder: Path, text: str) -> Path:
    path = folder / "document.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_runs_blocks_in_one_namespace_and_awaits(tmp_path: Path) -> None:
    text = (
        "```python\nimport asyncio\nx = 1\n```\n- in a list:\n\n  ```python\n  x += await asyncio.sleep(0, 1)\n  ```\n"
    )
    run(_document(tmp_path, text + "```python\nassert x == 2\n```\n"))


def test_says_in_which_line_of_a_document_something_is_wrong(tmp_path: Path) -> None:
    path = _document(tmp_path, "# Title\n\n```python\nx = 1\nassert x == 2\n```\n")
    done = subprocess.run([sys.executable, str(RUNNER), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f'File "{path}", line 5' in done.stderr


def test_gives_a_block_the_answers_that_its_comment_names(tmp_path: Path) -> None:
    block = '```python\nimport llamabot as lmb\nassert lmb.SimpleBot("", model="a/b")("hi").text == "Hi!"\n```\n'
    run(_document(tmp_path, '<!-- test: completion=["Hi!"] -->\n\n' + block))
    with pytest.raises(AssertionError, match="not used"):
        run(_document(tmp_path, '<!-- test: completion=["Hi!", "Bye!"] -->\n' + block))


def test_only_compiles_a_block_that_needs_a_key_but_looks_up_its_names(tmp_path: Path) -> None:
    mark = "<!-- test: compile -->\n"
    run(_document(tmp_path, mark + "```python\nimport llamabot as lmb\nlmb.SimpleBot('', model='a/b')('hi')\n```\n"))
    with pytest.raises(AttributeError, match="SimpelBot"):
        run(_document(tmp_path, mark + "```python\nimport llamabot as lmb\nlmb.SimpelBot('')\n```\n"))
    with pytest.raises(SyntaxError):
        run(_document(tmp_path, mark + "```python\nlmb.SimpleBot(\n```\n"))


def test_refuses_a_comment_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="skip"):
        run(_document(tmp_path, "<!-- test: skip -->\n```python\n1 / 0\n```\n"))


def test_keeps_code_blocks_from_the_network(tmp_path: Path) -> None:
    text = "```python\nimport socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)\n```\n"
    path = _document(tmp_path, text)
    done = subprocess.run([sys.executable, str(RUNNER), str(path)], capture_output=True, text=True, check=False)
    assert "a code block tried to" in done.stderr


def test_a_script_may_ask_for_tools(tmp_path: Path) -> None:
    code = """
import llamabot as lmb


def double(n: int) -> int:
    return 2 * n


result = lmb.AgentBot("", tools=[double], model="a/b").run("?")
assert [call.id for call in result.messages[1].tool_calls] == ["call-1", "call-1-2"]
assert [message.text for message in result.messages[-3:]] == ["2", "4", "Six."]
"""
    script = '[[("double", {"n": 1}), ("double", {"n": 2})], "Six."]'
    run(_document(tmp_path, f"<!-- test: completion={script} -->\n```python\n{code}```\n"))


def test_runs_the_files_of_a_document_with_pytest(tmp_path: Path) -> None:
    mark, module = "<!-- test: pytest -->\n", "```python\n# sums.py\ndef add(a, b):\n    return a + b\n```\n"
    test = "```python\n# test_sums.py\nfrom sums import add\n\ndef test_adds():\n    assert add(1, 2) == 3\n```\n"
    run(_document(tmp_path, mark + module + mark + test))
    with pytest.raises(AssertionError, match="assert 3 == 4"):
        run(_document(tmp_path, mark + module + mark + test.replace("== 3", "== 4")))
