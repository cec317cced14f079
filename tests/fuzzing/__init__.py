"""Strangers' input from a coverage-guided fuzzer, held to promises: `python tests/fuzzing body`, or `tox -e fuzz`."""
