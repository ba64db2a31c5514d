"""The desk on the web: HTTP and server-sent events around the use cases, and a page to try them."""
