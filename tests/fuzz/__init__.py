"""Any bytes that a server may send: the laws of their reading, searched by hypothesis, and for longer by atheris."""
