"""Model parts: each file is one of them."""
