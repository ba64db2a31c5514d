"""How the desk reaches the world: one SQLite file, and a model for demonstrations."""
