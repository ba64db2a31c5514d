"""Asserts in the shared classes of tests say what they compared, as those in test files do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.contract.docstore_contract",
    "tests.contract.docstore_machine",
    "tests.contract.docstore_model",
    "tests.contract.recorder_contract",
    "tests.contract.recorder_machine",
)
