"""What the wrong ones differ from in one thing is right."""

from __future__ import annotations

from tests.falsify.memories import MemoryHooks, PlainMemory
from tests.falsify.plain_blocks import BlocksCompletion
from tests.falsify.plain_completion import CompletionHooks, PlainCompletion
from tests.falsify.plain_docstore import StoreHooks
from tests.falsify.plain_sdk import SdkCompletion, SdkHooks
from tests.falsify.plain_splitter import PlainSplitter, SplitterHooks
from tests.falsify.source_searches import PlainSourceSearch

from llamabot.testing.contracts import (
    AsyncCompletionContract,
    AsyncMemoryContract,
    CompletionContract,
    MemoryContract,
    SourceSearchContract,
    SplitterContract,
)


class TestPlainCompletion(CompletionHooks, CompletionContract):
    adapter = PlainCompletion
    examples = 10


class TestAsyncPlainCompletion(CompletionHooks, AsyncCompletionContract):
    adapter = PlainCompletion
    examples = 10


class TestSdkCompletion(SdkHooks, CompletionContract):
    adapter = SdkCompletion
    examples = 10


class TestAsyncSdkCompletion(SdkHooks, AsyncCompletionContract):
    adapter = SdkCompletion
    examples = 10


class TestBlocksCompletion(SdkHooks, CompletionContract):
    adapter = BlocksCompletion
    examples = 5


class TestPlainMemory(MemoryHooks, MemoryContract):
    adapter = PlainMemory
    examples = 5


class TestAsyncPlainMemory(MemoryHooks, AsyncMemoryContract):
    adapter = PlainMemory
    examples = 5


class TestPlainSplitter(SplitterHooks, SplitterContract):
    adapter = PlainSplitter
    examples = 10


class TestPlainSourceSearch(StoreHooks, SourceSearchContract):
    adapter = PlainSourceSearch
