"""Halligan beside what people use for the same: how each is set up, measured, judged and told."""
