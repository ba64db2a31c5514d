"""`llamabot demo` as a newcomer meets it: an answer, an object and the log, on the real model, the network shut."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.command import Ended, Terminal, run
from tests.e2e.deciding import CountingCompletion, calling
from tests.project import ROOT

import llamabot as lmb
from llamabot.app.cli import main
from llamabot.app.demo.folders import own_documents
from llamabot.testing import HashedEmbedding, InMemoryDocStore

# Loaded by every Python of a test below: whatever it opens to another machine is an error.
SHUT = """
import sys
def shut(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto") and not isinstance(args[1], (str, bytes)):
        raise PermissionError("the network is shut")
sys.addaudithook(shut)
"""
# What the demo of a checkout reads: embedding all of `docs/` takes twenty seconds of a processor.
PAGES = ("README.md", "docs/bots.md")
GARDEN = """The botanical garden of Lund was founded in 1862.

It is open every day from six in the morning until sunset, and entry is free.

Guided tours start every Saturday at the main gate. A guided tour costs 90 kronor.
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """Return a project to stand in, from which no network is reached."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut" / "sitecustomize.py").write_text(SHUT)
    return tmp_path


@pytest.fixture
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout of this library, as it is, with few pages."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "src", folder / "src")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "docs").mkdir()
    for page in PAGES:
        shutil.copy(ROOT / page, folder / page)
    return folder


def _demo(project: Path, *arguments: str | Path, checkout: Path = ROOT, **variables: str) -> Ended:
    path = f"{checkout / 'src'}:{project / 'shut'}"
    return run("demo", *arguments, cwd=project, PYTHONPATH=path, PIP_NO_INDEX="1", **variables)


@pytest.mark.embedded
def test_answers_extracts_and_shows_the_log_without_any_network(project: Path, checkout: Path) -> None:
    done = _demo(project, checkout=checkout)
    assert done.status == 0
    assert re.fullmatch(r"llamabot: .*: 2 added, [\d\w, ]* 0 failed, 0 left out\n", done.err)
    question, letter, agent, documents, log = re.split(r"\n--- \d\. .*\n", done.out)[1:]

    tokens = re.search(r"best-matching excerpt of \d+, (\d+) tokens \(at most 150\)", question)
    assert tokens
    assert 0 < int(tokens[1]) <= 150
    place, excerpt = re.findall(r"line (\d+): “(.*)”", question)[0]
    assert excerpt in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert excerpt.startswith((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[int(place) - 1])
    assert "system prompt" in question.partition(" answers:\n")[2]

    assert "Reservation(name: str, people: int, day: str)" in letter
    assert "Reservation(name='Ana Kovac', people=6, day='Friday')" in letter

    assert all(f'-->|"{action}"|' in agent for action in ("count_word", "find_passage", "(answer)", "(ended)"))
    finding, counting = agent.split("\n\n")[-3:-1]
    assert finding.startswith("What is a bot?\n  → find_passage")
    assert "system prompt" in finding.partition("The answer: ")[2]
    assert counting.startswith('How often does the word "bot" occur?\n  → count_word')
    times = len(re.findall(r"\bbot\b", (ROOT / "README.md").read_text(encoding="utf-8"), re.IGNORECASE))
    assert counting.endswith(f"The answer: The word “bot” occurs {times} times.")

    first, second = re.findall(r"  \[\d\] (0\.\d\d) \S+\.md", documents)
    assert float(first) >= float(second) > 0.4
    assert "A bot is a" in documents.partition(" answers:\n")[0]
    assert re.search(r" answers:\nAccording to passage \[\d\].*\n\nCited:\n  \[\d\] \S+\.md", documents)

    assert re.search(r"complete  .*first token after [\d.]+ m?s · \d+ in, \d+ out", log)
    runs = [line.split()[1] for line in log.splitlines() if re.match(r"[├└]── [a-z]", line)]
    assert runs == ["answer", "extract", "reader", "reader", "documents"]
    assert "Recorded in .llamabot/runs.db" in log
    shown = run("show", "last", cwd=project)
    assert shown.out.strip() in log


@pytest.mark.embedded
def test_answers_from_a_folder_of_the_users_own(project: Path) -> None:
    (project / "papers").mkdir()
    (project / "papers" / "garden.txt").write_text(GARDEN, encoding="utf-8")
    done = _demo(project, "--docs=papers", "--question=When was the botanical garden founded?")
    assert done.status == 0
    documents, log = re.split(r"\n--- \d\. .*\n", done.out)[1:]
    assert "1862" in documents.partition(" answers:\n")[2].partition("\n\n")[0]
    assert "Cited:\n  [1] papers/garden.txt: The botanical garden" in documents
    assert "retrieve  When was the botanical garden founded?" in log
    nothing = _demo(project, "--docs=papers", "--question=Who sings tonight at the opera of Vienna?")
    assert (nothing.status, nothing.err) == (0, ""), "and nothing was read again"
    assert "Vienna?\n\nI found nothing about this in the documents.\n\n---" in nothing.out


@pytest.mark.embedded
def test_asks_about_the_first_document_of_a_folder_and_keeps_folders_apart(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        (project / name / "papers").mkdir(parents=True)
        (project / name / "papers" / "botanical_garden-2.txt").write_text(f"The garden of {name} is open.")
    model = CountingCompletion(["1], it is open."] * 2)
    with lmb.override(completion=model, embedding=HashedEmbedding()):
        for name in ("a", "b"):
            assert main(["demo", f"--docs={name}/papers"]) == 0
            out = capsys.readouterr().out
            assert "What is botanical garden about?\n\nThe closest passages" in out
            assert "answers:\nAccording to passage [1], it is open.\n\nCited:\n  [1] papers/botanical_garden-2" in out
            assert f"The garden of {name} is open." in model.requests[-1].messages[0].text
    model.assert_finished()


@pytest.mark.embedded
def test_answers_about_a_text_of_the_users_own_on_a_terminal(project: Path) -> None:
    name = 'Lunds "trädgård" & $HOME\'s.txt'
    (project / name).write_text(GARDEN, encoding="utf-8")
    question = 'How much is a "guided tour"?'
    with Terminal("demo", f"--text={name}", f"--question={question}", columns=60) as terminal:
        terminal.wait_for(f"--- 1. A question about {name}")
        terminal.wait_for(question)
        terminal.wait_for("answers:\n")
        assert "90" in terminal.wait_for("--- 2.")  # and what comes then is of no text: the test leaves
    assert max(map(len, terminal.text.splitlines())) <= 60


@pytest.mark.embedded
def test_breaks_its_lines_between_words_on_a_terminal(project: Path) -> None:
    (project / "garden.txt").write_text(GARDEN)
    count = ["count_word", {"word": "entry"}]
    steps = json.dumps(["it is free", '{"name": "Ana", "people": 6, "day": "Friday"}', count, count])
    program = (sys.executable, str(Path(__file__).with_name("deciding.py")), steps)
    arguments = ("demo", "--text=garden.txt", "--question=Is the entry free?")
    with Terminal(*arguments, program=program, columns=60) as terminal:
        assert terminal.end() == 0, terminal.text
    sections, log = terminal.text.split("--- 4.")
    assert max(map(len, sections.splitlines())) <= 60
    assert "reader  completed" in log


@pytest.mark.embedded
def test_does_not_ask_the_model_what_the_text_says_nothing_of(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "garden.txt").write_text(GARDEN)
    monkeypatch.setenv("LLAMABOT_RECORD", "off")
    steps = ['{"name": "Ana", "people": 6, "day": "Friday"}', calling("find_passage", "{}")]
    model = CountingCompletion([*steps, calling("count_word", '{"word": "France"}')])
    with lmb.override(completion=model):
        assert main(["demo", "--text=garden.txt", "--question=What is the capital of France?"]) == 0
    model.assert_finished()
    out = capsys.readouterr().out
    assert "Nothing in the text matches (capital, france), so the model is not asked" in out
    assert " answers:" not in out
    assert "The answer: Nothing in the text matches the question." in out
    assert "Nothing: recording is off." in out


@pytest.mark.embedded
def test_a_model_that_chooses_badly_spoils_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "garden.txt").write_text(GARDEN)
    lost = calling("lost", "{}")
    steps = [
        "it is free",
        '{"name": "Ana", "people": 6, "day": "Friday"}',
        lost,
        lost,
        lost,
        calling("count_word", "{"),
    ]
    with lmb.override(completion=CountingCompletion([*steps, calling("count_word", '{"word": "entry"}')])):
        assert main(["demo", "--text=garden.txt", "--question=Is the entry free?"]) == 0
    agent, log = re.split(r"\n--- \d\. .*\n", capsys.readouterr().out)[3:]
    assert "The agent came to no answer: the call has reached its limit decisions=3" in agent
    assert "The answer: The word “entry” occurs 1 time." in agent
    assert log.count("reader  limited") == 1


def test_reads_the_pages_that_people_read() -> None:
    pages = {page.name for page in own_documents()}
    assert {"README.md", "testing.md", "agents.md"} <= pages
    assert not pages & {"falsify.md", "benchmarks.md"}, "tables that commands write"
    assert own_documents()[0] == ROOT / "README.md"
    report = lmb.ingest(own_documents(), docstore=InMemoryDocStore())
    assert (len(report.added), report.failed) == (len(pages), ())


def test_an_offline_machine_without_the_model_is_told_so(project: Path) -> None:
    done = _demo(project, LLAMABOT_MODELS=str(project / "none"), LLAMABOT_OFFLINE="1")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("llamabot: LLAMABOT_OFFLINE is set and the model 'smollm2' is not here")


def test_a_text_needs_a_question_and_bad_input_is_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "garden.txt").write_text(GARDEN)
    for arguments in (
        ["--text=garden.txt"],
        ["--text=nowhere.txt", "--question=What?"],
        ["--question=" + "word " * 9999],
        ["--docs=nowhere"],
        ["--docs=.", "--text=garden.txt", "--question=What?"],
        ["--docs=.", "--question= "],
    ):
        assert main(["demo", *arguments]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
