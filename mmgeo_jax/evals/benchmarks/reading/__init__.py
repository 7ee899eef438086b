"""Reads the answer of a free response, and compares written answers."""
