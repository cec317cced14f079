"""A CanonicalError becomes what people see: a Problem in their language, rendered in the media type they accept."""
