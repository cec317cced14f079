"""A shop that orders translations."""
