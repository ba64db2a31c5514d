"""`ingest` and `search`: folders into a store, passages out of it, what is told, how it ends."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.integration.app.command import Command

import llamabot as lmb
from llamabot.testing import HashedEmbedding, InMemoryDocStore

LINKERS = "# Linkers\n\nmold links quickly.\n\n# Loaders\n\nA loader is no linker, \x1b]0;whatever\x07 they say."


@pytest.fixture
def papers(project: Path) -> Path:
    """A folder of a project with two files."""
    folder = project / "papers"
    folder.mkdir()
    (folder / "a.md").write_text(LINKERS)
    (folder / "rows.csv").write_text("text,lang,year\nOne linker,en,2024\nEin Linker,de,2025\n")
    return folder


def _store(project: Path) -> lmb.FaissDocStore:
    return lmb.FaissDocStore(project / ".llamabot" / "store", embedding=False)


def test_takes_a_folder_into_the_project_s_store_and_finds_passages_in_it(command: Command, papers: Path) -> None:
    store = papers.parent / ".llamabot" / "store"
    ended = command("ingest", "papers", "--keywords")
    told = f"2 added, 0 changed, 0 unchanged, 0 removed, 0 failed, 0 left out; 3 documents in {store}\n"
    assert (ended.status, ended.out, ended.err) == (0, told, "")
    assert (store.parent / ".gitignore").read_text() == "*\n"
    found = command("search", "mold", "quickly", "-k", "1")
    first, *text = found.out.split("\n")
    assert first.startswith("1  ")
    assert first.endswith("  papers/a.md, Linkers")
    assert text == ["    # Linkers", "", "    mold links quickly.", "", ""]
    assert (found.status, found.err) == (0, "")


def test_ingesting_again_tells_what_is_new_and_a_store_stays_what_it_is(command: Command, papers: Path) -> None:
    command("ingest", "papers", "--keywords")
    (papers / "a.md").unlink()
    (papers / "b.txt").write_text("new")
    assert command("ingest", "papers").out.startswith("1 added, 0 changed, 1 unchanged, 1 removed, 0 failed")


def test_files_that_cannot_be_read_are_listed_with_the_reason_and_the_rest_goes_in(
    command: Command, papers: Path
) -> None:
    (papers / "empty.md").touch()
    (papers / "binary.txt").write_bytes(b"\0")
    ended = command("ingest", "papers", "--keywords")
    assert ended.out.startswith("2 added, 0 changed, 0 unchanged, 0 removed, 2 failed")
    assert ended.err.splitlines() == [
        "llamabot: papers/binary.txt: it is binary, of no kind that is known here",
        "llamabot: papers/empty.md: it is empty",
        "llamabot: 2 files could not be read",
    ]
    assert ended.status == 1


def test_options_say_which_files_and_how_they_are_read(command: Command, papers: Path) -> None:
    (papers / "umlaut.txt").write_bytes("Grüße".encode("latin-1"))
    rows = ["--text-column", "lang", "--id-column", "year"]
    command("ingest", "papers", "--keywords", "--glob", "*.csv", "--glob", "*.txt", "--encoding", "latin-1", *rows)
    with _store(papers.parent) as store:
        assert [known.id for known in store.known()] == [
            "papers/rows.csv#2024",
            "papers/rows.csv#2025",
            "papers/umlaut.txt",
        ]
        assert store.search("Grüße")[0].passage.text == "Grüße"


def test_a_store_of_another_place_is_named(command: Command, papers: Path, tmp_path: Path) -> None:
    assert command("ingest", "papers", "--keywords", "--store", "elsewhere").out.endswith("3 documents in elsewhere\n")
    assert "papers/a.md" in command("search", "mold", "--store", "elsewhere").out
    assert not (tmp_path / ".llamabot").exists()


def test_folders_can_be_given_names(command: Command, papers: Path) -> None:
    assert command("ingest", "reports=papers", "--keywords").status == 0
    assert "  reports/a.md, Linkers" in command("search", "mold").out
    refused = command("ingest", "reports=papers", "papers")
    assert (refused.status, refused.err) == (
        2,
        "llamabot: either every path has a name of its own, as in papers=PATH, or none has\n",
    )


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], "papers/rows.csv#1 papers/rows.csv#2"),
        (["lang=de"], "papers/rows.csv#2"),
        (["lang=de", 'year="2025"'], "papers/rows.csv#2"),
        (["year=2025"], ""),
        (["lang=de", 'year="2024"'], ""),
    ],
)
def test_filters_are_texts_numbers_and_words_of_json(
    command: Command, project: Path, filters: list[str], found: str
) -> None:
    rows = [("1", "en", "2024"), ("2", "de", "2025")]
    store = InMemoryDocStore(
        lmb.Document(f"papers/rows.csv#{n}", "linker", {"lang": lang, "year": year}) for n, lang, year in rows
    )
    options = [option for text in filters for option in ("--where", text)]
    with lmb.override(docstore=store):
        ended = command("search", "linker", *options)
    assert [line.split("  ")[-1] for line in ended.out.splitlines() if "#" in line] == found.split()
    assert ended.err == ("" if found else "llamabot: nothing fits in InMemoryDocStore(2 documents)\n")
    assert ended.status == 0


def test_a_filter_without_a_value_is_refused(command: Command, papers: Path) -> None:
    ended = command("search", "linker", "--where", "lang")
    assert (ended.status, ended.err) == (2, "llamabot: --where 'lang' is not of the form name=value\n")


def test_what_passages_say_to_a_terminal_is_shown_and_not_obeyed(command: Command, papers: Path) -> None:
    command("ingest", "papers", "--keywords")
    assert "A loader is no linker, ␛]0;whatever␇ they say." in command("search", "loader").out


def test_says_how_a_store_is_filled_where_there_is_none_and_makes_none(command: Command, project: Path) -> None:
    ended = command("search", "linker")
    assert ended.status == 2
    assert ended.err.endswith("yet; put some in with: llamabot ingest FOLDER\n")
    assert list(project.iterdir()) == [project / "pyproject.toml"]


def test_a_path_that_does_not_exist_is_wrong_use(command: Command, project: Path) -> None:
    ended = command("ingest", "papres", "--keywords")
    assert (ended.status, ended.out) == (2, "")
    assert "papres cannot be ingested: No such file or directory" in ended.err


def test_finds_by_meaning_where_an_embedder_is_in_force(command: Command, papers: Path) -> None:
    with lmb.override(embedding=HashedEmbedding()):
        assert command("ingest", "papers").status == 0
        assert "papers/a.md, Linkers" in command("search", "mold links").out
    refused = command("search", "mold")
    assert (refused.status, refused.out) == (2, "")
    assert "hashed-words-256" in refused.err


def test_says_what_can_be_done_without_a_model(command: Command, papers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMABOT_MODELS", str(papers.parent / "no models"))
    ended = command("ingest", "papers")
    assert ended.status == 2
    assert "llamabot local install" in ended.err
    assert ended.err.endswith("llamabot: or make a store that is searched by words alone: --keywords\n\n")


class Interrupted(InMemoryDocStore):
    """Is added to for ever, until Ctrl-C."""

    def add(self, documents: Iterable[lmb.Document]) -> lmb.AddReport:
        if list(documents):
            raise KeyboardInterrupt
        return lmb.AddReport()


def test_ctrl_c_says_that_the_same_command_goes_on(command: Command, papers: Path) -> None:
    with lmb.override(docstore=Interrupted()):
        ended = command("ingest", "papers")
    assert ended.status == 130
    assert "what was added stays; the same command goes on from there" in ended.err


@pytest.mark.parametrize("link", [".llamabot", ".llamabot/store"])
def test_a_link_of_a_stranger_s_checkout_gets_no_documents(command: Command, papers: Path, link: str) -> None:
    elsewhere = papers.parent / "elsewhere"
    elsewhere.mkdir()
    (papers.parent / link).parent.mkdir(exist_ok=True)
    (papers.parent / link).symlink_to(elsewhere)
    assert command("ingest", "papers", "--keywords").status == 0
    assert list(elsewhere.iterdir()) == []
    assert "papers/a.md" in command("search", "mold").out
