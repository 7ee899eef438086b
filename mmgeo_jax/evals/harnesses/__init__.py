"""Runs of train-lmm as models of public harnesses. Each module can be imported without its harness."""
