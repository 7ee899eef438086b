"""The data engine: draws geometry diagrams, edits them, and proves what is true of each. No JAX here."""
