"""Fakes of the providers' command-line tools: each answers in the shape of the real one, from the lab's cloud."""
