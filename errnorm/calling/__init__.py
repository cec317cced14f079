"""One call to a vendor: its turn, its headers, its answer or failure; as a flow without I/O, and what drives it."""
