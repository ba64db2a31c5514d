"""What is said over a wire, without the wire: formats that several adapters share, read and written without I/O.

Bytes and values in, bytes and values out. Here are no sockets, no clocks that wait and no vendors: an adapter feeds
what it has received and asks what it means. Imports ports, the standard library and msgspec.
"""
