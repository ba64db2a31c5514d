"""Answers from documents on the command line: what is read, what is asked, what is listed below, what `show` tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.app.command import Command

import llamabot as lmb
from llamabot.adapters.wrap.folders import FoldersOfStore
from llamabot.testing import HashedEmbedding, InMemoryDocStore, ScriptedCompletion


@pytest.fixture
def papers(project: Path) -> Iterator[Path]:
    """Return a folder with two documents, in a project that has another folder beside it."""
    for name, text in (
        ("papers/mold.md", "# Mold\n\nmold is a fast linker."),
        ("papers/ld.md", "# ld\n\nld is a slow linker."),
        ("other/lld.md", "# lld\n\nlld is a linker of LLVM."),
    ):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    with lmb.override(embedding=HashedEmbedding()):
        yield project / "papers"


def test_answers_from_a_folder_and_lists_what_it_is_from(command: Command, project: Path, papers: Path) -> None:
    model = ScriptedCompletion(["mold [1], not [7]."])
    with lmb.override(completion=model):
        ended = command("ask", "--docs", "papers", "fast linker?", "-m", "m")
    assert ended.status == 0
    answer, _, sources = ended.out.partition("\n\n")
    assert answer == "mold [1], not [7]."
    assert sources.splitlines() == [
        "Cited:",
        "  [1] papers/mold.md, Mold: # Mold mold is a fast linker.",
        "Sent too:",
        "  [2] papers/ld.md, ld: # ld ld is a slow linker.",
    ]
    assert ended.err.splitlines() == [
        "llamabot: papers/: 2 added, 0 changed, 0 unchanged, 0 removed, 0 failed, 0 left out",
        "llamabot: 1 of the numbers that it cites are of no passage",
    ]
    assert "mold is a fast linker" in model.requests[0].messages[-1].text
    assert (project / ".llamabot" / "store").is_dir()
    assert (project / ".llamabot" / ".gitignore").read_text() == "*\n"


def test_reads_a_folder_once_and_sees_no_other(command: Command, papers: Path) -> None:
    with lmb.override(completion=ScriptedCompletion(["lld [1]", "mold"])):
        command("ask", "--docs", "other", "linker?", "-m", "m")
        command("ask", "--docs", "papers", "linker?", "-m", "m", "--no-stream")
        with lmb.override(completion=(model := ScriptedCompletion(["mold"]))):
            ended = command("ask", "--docs", "papers", "linker?", "-m", "m", "--no-stream")
    assert ended.err == ""
    assert "It cites none of the passages that it was sent." in ended.out
    assert "lld" not in model.requests[0].messages[-1].text


def test_keeps_a_store_where_it_is_told(command: Command, project: Path, papers: Path) -> None:
    with lmb.override(completion=ScriptedCompletion(["mold [1]"])):
        assert command("ask", "--docs", str(papers), "--store", "kept", "linker?", "-m", "m").status == 0
    assert (project / "kept").is_dir()
    assert not (project / ".llamabot" / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--docs", "nowhere", "?"], "nowhere cannot be ingested"),
        (["--docs", "papers"], "nothing was asked"),
        (["--docs", "papers", "--schema", "s.json", "?"], "leave --schema out"),
        (["--store", "kept", "?"], "no documents in kept yet; put some in with: llamabot ingest FOLDER"),
        (["--docs", "empty", "?"], "there are no documents in empty/"),
        (["--docs", "papers", "--docs", "elsewhere/papers", "?"], 'on the command line "another name='),
    ],
)
def test_says_what_is_wrong(command: Command, papers: Path, arguments: list[str], said: str) -> None:
    (papers.parent / "empty").mkdir()
    (papers.parent / "elsewhere" / "papers").mkdir(parents=True)
    with lmb.override(completion=ScriptedCompletion([])):
        ended = command("ask", *arguments, "-m", "m", stdin=b"")
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err


def test_answers_from_all_that_a_store_has(command: Command, papers: Path) -> None:
    command("ingest", "papers", "other", "--store", "kept")
    for arguments in (["--store", "kept"], ["--docs", "kept"]):
        with lmb.override(completion=(model := ScriptedCompletion(["lld [1]"]))):
            ended = command("ask", *arguments, "linker?", "-m", "m")
        assert (ended.status, ended.err) == (0, "")
        assert all(name in model.requests[0].messages[-1].text for name in ("papers/ld.md", "other/lld.md"))


def test_a_folder_can_be_given_a_name(command: Command, papers: Path) -> None:
    with lmb.override(completion=ScriptedCompletion(["mold [1]"])):
        ended = command("ask", "--docs", "theirs=papers", "fast linker?", "-m", "m")
    assert "  [1] theirs/mold.md, Mold: # Mold" in ended.out


@pytest.mark.parametrize("how", [[], ["--no-stream"]])
def test_the_answer_of_a_small_model_is_begun(command: Command, papers: Path, how: list[str]) -> None:
    """So it cites; where nothing was found, nothing is begun."""
    with lmb.override(completion=(model := ScriptedCompletion(["2], it is ld."]))):
        ended = command("ask", "--docs", "papers", "linker?", "-m", "embedded/smollm2", *how)
        with lmb.override(docstore=InMemoryDocStore([lmb.Document(id="a", text="linker")])):
            nothing = command("ask", "--store", "any", "Who sings?", "-m", "embedded/smollm2", *how)
    assert ended.out.startswith("According to passage [2], it is ld.\n\nCited:\n  [2] papers/")
    assert model.requests[0].messages[-1] == lmb.assistant("According to passage [")
    assert nothing.out == "I found nothing about this in the documents.\n"


def test_shows_what_was_found_with_its_scores(command: Command, papers: Path) -> None:
    with lmb.override(completion=ScriptedCompletion(["mold [1]"])):
        command("ask", "--docs", "papers", "fast linker?", "-m", "m")
    tree = command("show").out
    assert "1  retrieve  fast linker?" in tree
    scores = [float(score) for score in re.findall(r" (\d\.\d{3}) +papers/", tree)]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 2
    assert re.search(r"\d +papers/mold\.md, Mold: # Mold mold is a fast linker\.\n", tree)


def test_shows_that_nothing_was_found(command: Command, project: Path) -> None:
    with lmb.override(docstore=InMemoryDocStore(), completion=ScriptedCompletion([])):
        recorder = lmb.SqliteRecorder(project / ".llamabot" / "runs.db")
        lmb.QueryBot(recorder=recorder, not_found="Not in there.")("linker?")
        recorder.close()
    tree = command("show").out
    assert "nothing   was found" in tree
    assert "assistant Not in there." in tree


def test_a_file_is_seen_without_those_whose_names_begin_like_its_own() -> None:
    store = InMemoryDocStore([lmb.Document(id=name, text="linker", source=name) for name in ("a/b.md", "a/b.md2")])
    assert [match.passage.document_id for match in FoldersOfStore(store, ["a/b.md"]).search("linker")] == ["a/b.md"]


class _Asked(lmb.FaissDocStore):
    """Notes how many passages are asked for of all."""

    asked: tuple[int, ...] = ()

    def search(self, query: str, *, k: int = 8, where: Any = None) -> tuple[lmb.Match, ...]:
        self.asked += (k,)
        return super().search(query, k=k, where=where)


@pytest.mark.parametrize("embedding", [HashedEmbedding(64), False], ids=["meaning", "words"])
def test_of_a_large_store_a_small_folder_is_searched_alone(embedding: Any) -> None:
    sources = [f"{folder}/{n}" for n in range(60) for folder in ("a", "b", "a/b", "b'%_")] + ["b", "b/c/d", "c#\udcff"]
    with _Asked(embedding=embedding) as store:
        store.add(
            [lmb.Document(s, f"linker {'x ' * (len(s) * 7 % 11)}", {"odd": i % 2}, s) for i, s in enumerate(sources)]
        )
        for names in (["b/"], ["b/", "a/7"], ["b/c/"], ["b"], ["b'%_/"], ["c#\udcff"], ["none/"], []):
            for where in (None, {"odd": 1}):
                whole = lmb.FaissDocStore.search(store, "linker x", k=300, where=where)
                seen = [
                    m
                    for m in whole
                    if any(
                        m.passage.place.source.startswith(n) if n.endswith("/") else m.passage.place.source == n
                        for n in names
                    )
                ]
                for k in (0, 1, 8, 100):
                    assert list(FoldersOfStore(store, names).search("linker x", k=k, where=where)) == seen[:k]
    assert max(store.asked) == 100


def test_a_folder_is_seen_as_the_whole_store_would_show_it() -> None:
    texts = {f"{folder}/{n}": f"linker {'x ' * n}" for n in range(40) for folder in ("a", "b")}
    store = InMemoryDocStore([lmb.Document(id=source, text=text, source=source) for source, text in texts.items()])
    view = FoldersOfStore(store, ["b/"])
    whole = [match for match in store.search("linker", k=80) if match.passage.place.source.startswith("b/")]
    for k in (0, 1, 5, 39, 40, 41):
        assert list(view.search("linker", k=k)) == whole[:k]
    assert (view.count(), view.relevant_score) == (80, 0.0)
