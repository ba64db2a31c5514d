"""What can be done at the desk. Knows the domain, ports, and bots; nothing of databases, vendors or the web."""
