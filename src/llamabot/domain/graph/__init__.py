"""The reference graph of an agent, on PocketFlow: its nodes, its wiring, its walker and its picture."""
