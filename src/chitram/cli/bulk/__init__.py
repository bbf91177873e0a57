"""Bringing many pictures in: what to take, what is there already, and what became of each."""
