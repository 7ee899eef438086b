"""Public benchmarks of geometry problems: a module reads and scores each; run.py has the table of them."""
