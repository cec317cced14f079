"""Writes the index of the built-in profiles anew: `python -m errnorm.vendors`, after a name, host or shape changed."""

from __future__ import annotations

import msgspec

from errnorm.vendors.registry import INDEX, built_in

INDEX.write_bytes(msgspec.json.format(msgspec.json.encode(built_in()), indent=1) + b"\n")
