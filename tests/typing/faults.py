"""A port keeps its type when faults are put around it."""

from __future__ import annotations

from typing import assert_type

from llamabot.testing import Behaviour, FunctionCompletion, ScriptedCompletion
from llamabot.testing.faults import CutStream, faulty

assert_type(faulty(ScriptedCompletion(), [None, CutStream(1)]), ScriptedCompletion)
assert_type(Behaviour().completion(), FunctionCompletion)
