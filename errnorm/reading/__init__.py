"""From a vendor's bytes to a CanonicalError."""
