"""A thread of ours: waiting for it, whether it ever began or not."""

from __future__ import annotations

from llamabot.domain.threads import InThread


def test_a_thread_that_never_began_is_gone_and_one_that_began_is_waited_for() -> None:
    thread = InThread(lambda: "yes")
    assert thread.join()
    thread.start()
    assert thread.join()
    assert thread.result() == "yes"
