"""Document stores side by side: one corpus, a process and an environment for each contender."""
