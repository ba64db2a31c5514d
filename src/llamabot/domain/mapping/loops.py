"""The two loops of a map, of one shape: threads in the one colour, tasks in the other.

What they do next is said by the `Window`; what is done to an input, by the steps that the `Plan` gives for it. What has
happened meanwhile waits as a function to be called, until the loop comes round to it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar

from llamabot.domain.drivers import NO_WORLD, adrive, drive
from llamabot.domain.mapping.coming import Coming
from llamabot.domain.mapping.item import MapItem
from llamabot.domain.mapping.plan import Plan, Work
from llamabot.domain.mapping.window import Do, Leave, Window
from llamabot.domain.threads import InThread

__all__ = ["in_tasks", "in_threads"]

T = TypeVar("T")
News: TypeAlias = Callable[[], object]
_LOOK_S = 0.05  # between two looks at whether nobody waits any longer: a signal handler may say so meanwhile


def in_threads(plan: Plan[T], inputs: Iterator[Any]) -> Generator[MapItem[T], None, None]:
    """Map on threads; inputs are drawn on the caller's, while it asks for an item, unless they are `Coming`.

    Closing it lets no effect begin any more, and waits for those that have.
    """
    at_work = _Threads(plan)
    window, news = at_work.window, at_work.news
    try:
        drive(plan.opening(), NO_WORLD)
        draw = at_work.drawing(inputs)
        while (do := window.act()) is not Do.END:
            if isinstance(do, Leave):
                yield do.item
            elif do is Do.DRAW:
                draw()
            else:
                news.get()()
            while not news.empty():
                news.get()()
        window.check()
    finally:
        at_work.stop()


async def in_tasks(plan: Plan[T], inputs: Iterator[Any] | AsyncIterator[Any]) -> AsyncGenerator[MapItem[T], None]:
    """Map on tasks; closing it, or cancelling who asks for an item, cancels them."""
    at_work = _Tasks(plan)
    window, news = at_work.window, at_work.news
    try:
        await adrive(plan.opening(), NO_WORLD)
        draw = at_work.drawing(inputs)
        while (do := window.act()) is not Do.END:
            if isinstance(do, Leave):
                yield do.item
            elif do is Do.DRAW:
                draw()
            else:
                await at_work.something()
            while news:
                news.popleft()()
        window.check()
    finally:
        await at_work.stop()


class _Threads(Generic[T]):
    """Inputs that are worked on by threads."""

    def __init__(self, plan: Plan[T]) -> None:
        self._plan = plan
        self.window: Window[MapItem[T]] = Window(plan.concurrency, in_order=plan.in_order)
        self.news: SimpleQueue[News] = SimpleQueue()
        self._running: dict[int, InThread[MapItem[T]]] = {}
        self._wanted: SimpleQueue[bool] = SimpleQueue()

    def start(self, given: Any) -> None:
        index = self.window.drew()
        work = self._plan.work(index, given)
        # Known before it starts, so that Ctrl-C in between leaves no thread that nobody waits for.
        thread = self._running[index] = InThread(drive, work.steps, NO_WORLD, context=work.context)
        thread.add_done_callback(lambda _: self.news.put(partial(self._take, index, work)))
        thread.start()

    def drawing(self, inputs: Iterator[Any]) -> Callable[[], None]:
        """Return what draws the next input: at once, or beside the work where it may be long in coming."""
        if not isinstance(inputs, Coming):
            return partial(_draw, inputs, self.window, self.start)
        feeder = InThread(_feed, inputs, self._wanted.get, lambda given: self.news.put(partial(self.start, given)))
        feeder.add_done_callback(lambda ended: self.news.put(partial(self.window.ended, ended.exception())))
        feeder.start()
        return partial(self._wanted.put, True)

    def _take(self, index: int, work: Work[T]) -> None:
        thread = self._running[index]
        thread.join()
        del self._running[index]
        self.window.done(index, thread.result())
        self._plan.count(work, thread.result(), self.window.running)

    def stop(self) -> None:
        self._plan.cancel()
        self._wanted.put(False)  # one that waits for an input is left to itself, and ends with it
        try:
            for thread in self._running.values():
                while not (self._plan.is_dropped or thread.join(_LOOK_S)):
                    pass
        finally:
            self._plan.close()


class _Tasks(Generic[T]):
    """Inputs that are worked on by tasks."""

    def __init__(self, plan: Plan[T]) -> None:
        self._plan = plan
        self.window: Window[MapItem[T]] = Window(plan.concurrency, in_order=plan.in_order)
        self.news: deque[News] = deque()
        self._running: set[asyncio.Task[Any]] = set()
        self._woken = asyncio.Event()

    async def something(self) -> None:
        """Wait until something has happened."""
        self._woken.clear()
        await self._woken.wait()

    def start(self, given: Any) -> None:
        index = self.window.drew()
        work = self._plan.work(index, given)
        task = asyncio.get_running_loop().create_task(adrive(work.steps, NO_WORLD), context=work.context)
        self._running.add(task)
        task.add_done_callback(lambda ended: self._happened(partial(self._take, index, work, ended)))

    def drawing(self, inputs: Iterator[Any] | AsyncIterator[Any]) -> Callable[[], None]:
        """Return what draws the next input: at once, or beside the work where it must be awaited."""
        if not isinstance(inputs, AsyncIterator):
            return partial(_draw, inputs, self.window, self.start)
        wanted = asyncio.Semaphore(0)
        feeder = asyncio.ensure_future(_afeed(inputs, wanted, lambda given: self._happened(partial(self.start, given))))
        self._running.add(feeder)
        feeder.add_done_callback(lambda ended: self._happened(partial(self._fed, ended)))
        return wanted.release

    def _take(self, index: int, work: Work[T], ended: asyncio.Task[MapItem[T]]) -> None:
        self._running.discard(ended)
        self.window.done(index, ended.result())
        self._plan.count(work, ended.result(), self.window.running)

    def _fed(self, feeder: asyncio.Task[None]) -> None:
        self._running.discard(feeder)
        self.window.ended(asyncio.CancelledError() if feeder.cancelled() else feeder.exception())

    def _happened(self, event: News) -> None:
        self.news.append(event)
        self._woken.set()

    async def stop(self) -> None:
        self._plan.cancel()
        for task in self._running:
            task.cancel()
        try:
            await asyncio.gather(*self._running, return_exceptions=True)
        finally:
            self._plan.close()


def _draw(inputs: Iterator[Any], window: Window[Any], start: Callable[[Any], None]) -> None:
    try:
        given = next(inputs)
    except StopIteration:
        window.ended()
    except Exception as error:  # the inputs are the user's: it is raised when all that was begun has left
        window.ended(error)
    else:
        start(given)


def _feed(inputs: Iterator[Any], is_wanted: Callable[[], bool], start: Callable[[Any], None]) -> None:
    """Draw inputs when they are wanted, all in one thread."""
    while is_wanted():
        try:
            given = next(inputs)
        except StopIteration:
            return
        start(given)


async def _afeed(inputs: AsyncIterator[Any], wanted: asyncio.Semaphore, start: Callable[[Any], None]) -> None:
    """Draw inputs when they are wanted, all in one task, for what yields them may hold to its task."""
    await wanted.acquire()
    async for given in inputs:
        start(given)
        await wanted.acquire()
