"""Plain functions as tools: the decorator `tool`, and the toolbox that runs them in this process."""

from llamabot.adapters.local.decorator import tool
from llamabot.adapters.local.toolbox import LocalToolbox

__all__ = ["LocalToolbox", "tool"]
