"""The domain: bots, effects and the drivers that perform them. Imports `ports` only."""
