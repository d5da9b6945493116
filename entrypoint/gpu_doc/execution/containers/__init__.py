"""Containers: the engine, its images, and what we start there."""
