"""Telling people on duty: what failed, what was mended, whom it concerns, and the way to them."""
