"""After any changes to a folder, ingesting makes the store hold what the folder has, and says what that took."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import llamabot as lmb
from llamabot.app.ingest import IngestReport, ingest
from llamabot.testing import InMemoryDocStore

PATHS = st.sampled_from(
    ["a.md", "b.txt", "rows.csv", "in/b.txt", "in/rows.csv", "in/deep/c.log", "odd \udcff/c.log", ".env", ".git/a.md"]
)
# What is ingested after a change: nothing, all, or what fits a pattern.
GLOBS = st.sampled_from([None, "", "", "*.csv", "*.txt"])
UNREADABLE = ["", "\0"]
CONTENTS = st.sampled_from(["text\none\ntwo\n", "text\none\n", "# Words\n", *UNREADABLE])
RULES = st.sampled_from(["", "*.log", "in/", "/b.txt\n!deep", "in/*\n!in/deep/"])


class Unparsed(lmb.FileLoader):
    """Counts what it parses."""

    def __init__(self) -> None:
        super().__init__()
        self.parsed: list[str] = []

    def load(self, path: Path, *, source: str) -> tuple[lmb.Document, ...]:
        self.parsed.append(source)
        return super().load(path, source=source)


class FolderMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.root = self.place / "papers"
        self.root.mkdir()
        self.loader = Unparsed()
        self.store = InMemoryDocStore([lmb.Document("faq", "By hand."), lmb.Document("x", "", source="papers/a.md")])
        self.files: dict[str, str] = {}  # what the folder has
        self.held: dict[str, str] = {}  # what the store should have: sources and contents
        self.rules = ""

    def teardown(self) -> None:
        shutil.rmtree(self.place)

    @rule(path=PATHS, content=CONTENTS, then=GLOBS)
    def write(self, path: str, content: str, then: str | None) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content)
        self.files[path] = content
        self.ingest(then)

    @precondition(lambda self: self.files)
    @rule(data=st.data(), then=GLOBS)
    def delete(self, data: st.DataObject, then: str | None) -> None:
        path = data.draw(st.sampled_from(sorted(self.files)))
        (self.root / path).unlink()
        del self.files[path]
        self.ingest(then)

    @precondition(lambda self: self.files)
    @rule(data=st.data(), to=PATHS, then=GLOBS)
    def rename(self, data: st.DataObject, to: str, then: str | None) -> None:
        path = data.draw(st.sampled_from(sorted(self.files)))
        (self.root / to).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).rename(self.root / to)
        self.files[to] = self.files.pop(path)
        self.ingest(then)

    @rule(rules=RULES, then=GLOBS)
    def ignore(self, rules: str, then: str | None) -> None:
        (self.root / ".gitignore").write_text(rules)
        self.rules = rules
        self.ingest(then)

    @rule(then=GLOBS)
    def move_the_folder(self, then: str | None) -> None:
        place = Path(tempfile.mkdtemp(dir=self.place))
        self.root = self.root.rename(place / "papers")
        self.ingest(then)

    def ingest(self, glob: str | None) -> None:
        if glob is not None:
            report = ingest(self.root, docstore=self.store, loader=self.loader, glob=glob or ())
            self.check(report, glob.removeprefix("*"))

    def check(self, report: IngestReport, suffix: str) -> None:
        seen = {_source(path): content for path, content in self.files.items() if not self.is_ignored(path)}
        chosen = {source: content for source, content in seen.items() if source.endswith(suffix)}
        readable = {source: content for source, content in chosen.items() if _is_readable(source, content)}
        assert set(report.removed) == {source for source in self.held if source not in seen}
        assert {failure.source for failure in report.failed} == chosen.keys() - readable.keys()
        assert set(report.added) == readable.keys() - self.held.keys()
        assert set(report.changed) == {s for s in readable if s in self.held and self.held[s] != readable[s]}
        assert set(report.unchanged) == {s for s in readable if s in self.held and self.held[s] == readable[s]}
        assert set(report.unchanged) & set(self.loader.parsed) == set()
        self.loader.parsed.clear()
        self.held = {source: content for source, content in self.held.items() if source in seen} | readable

    def is_ignored(self, path: str) -> bool:
        """Say by hand what the few rules that are tried mean for the few paths."""
        if "/." in f"/{path}":
            return True
        match self.rules:
            case "*.log":
                return path.endswith(".log")
            case "in/":
                return path.startswith("in/")
            case "in/*\n!in/deep/":
                return path.startswith("in/") and not path.startswith("in/deep/")
            case rules:
                return "/b.txt" in rules and path == "b.txt"

    @invariant()
    def the_store_has_what_was_ingested(self) -> None:
        expected = {"faq", "x"}
        for source, content in self.held.items():
            rows = len(content.split()) - 1
            expected |= {f"{source}#{row + 1}" for row in range(rows)} if source.endswith(".csv") else {source}
        assert {known.id for known in self.store.known()} == expected


def _is_readable(source: str, content: str) -> bool:
    return content not in UNREADABLE and (content.startswith("text") or not source.endswith(".csv"))


def _source(path: str) -> str:
    return "papers/" + path.replace("\udcff", "\\xff")


FolderMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestFolder = FolderMachine.TestCase


# What names are made of that could be taken for each other: rows for files, and letters for what stands for a byte.
_PARTS = st.sampled_from(["a", "a.csv", "#1", "#", "%23", "%25", "%", "\\xff", "\udcff", "\\x5c", "\\", "x5c", ".csv"])
_NAMES = st.lists(st.lists(_PARTS, min_size=1, max_size=4).map("".join), min_size=2, max_size=8, unique=True)


@example(["a.csv", "a.csv#1"])
@example(["a\udcff", "a\\xff"])
@example(["a#", "a%23", "a%2523"])
@example(["a\\xff", "a\\x5cxff"])
@given(_NAMES)
def test_no_two_documents_of_a_folder_are_one(names: list[str]) -> None:
    names = [name for name in names if not name.startswith(".")]
    store = InMemoryDocStore()
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            (Path(place) / name).write_text("text\none\ntwo\n")
        report = ingest({"papers": place}, docstore=store)
    assert len(report.added) == len(names)
    assert store.count() == sum(2 if name.endswith(".csv") else 1 for name in names)
