"""Checks truth tables independently: it shares the drawing of programs with the engine, but no predicate."""
