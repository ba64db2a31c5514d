"""What a support desk is about. Knows the standard library alone: no bot, no database, no web."""
