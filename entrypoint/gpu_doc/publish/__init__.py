"""Publishes the results of a refresh: commits and pull requests."""
