# What we use of lxml 6, which has no types of its own.
