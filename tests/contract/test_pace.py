"""A vendor that says the next word once the one before was passed on tells who keeps words back, without a clock."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread

from llamabot.ports.completion import CompletionChunk, FinishReason
from llamabot.testing.contracts.pace import Pace

WORDS = ("one ", "two ")
CHUNKS = [*(CompletionChunk(text=word) for word in WORDS), CompletionChunk(finish_reason=FinishReason.STOP)]


def _on_a_line_of_its_own(pace: Pace, *, hears: bool) -> list[CompletionChunk]:
    line: SimpleQueue[CompletionChunk | None] = SimpleQueue()

    def send() -> None:
        for chunk in pace:
            line.put(chunk)
        line.put(None)

    sender = Thread(target=send)
    sender.start()
    got = []
    while (chunk := line.get()) is not None:
        got.append(chunk)
        if hears:
            pace.hear(chunk)
    sender.join()
    return got


def test_all_comes_and_nothing_is_kept_back_from_who_passes_on() -> None:
    pace = Pace(WORDS)
    assert _on_a_line_of_its_own(pace, hears=True) == CHUNKS
    assert pace.kept_back is None


def test_who_passes_nothing_on_is_told_what_it_kept_back_and_gets_all_the_same() -> None:
    pace = Pace(WORDS, most_s=0.01)
    assert _on_a_line_of_its_own(pace, hears=False) == CHUNKS
    assert pace.kept_back == "one "


def test_who_reads_ahead_on_one_thread_does_not_wait() -> None:
    pace = Pace(WORDS)
    assert list(pace) == CHUNKS
    assert pace.kept_back == "one "


def test_nobody_waits_for_who_has_left() -> None:
    pace = Pace(WORDS)
    pace.end()
    assert _on_a_line_of_its_own(pace, hears=False) == CHUNKS
    assert pace.kept_back is None
