"""The public corpora, read: `python -m tests.corpora FOLDER…` says what came of it."""
