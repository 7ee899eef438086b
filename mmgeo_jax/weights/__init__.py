"""Published weights: in from big_vision and Hugging Face, and out again."""
