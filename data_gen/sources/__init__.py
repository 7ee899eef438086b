"""Where families come from: one small file for each source."""
