"""Runs the pure pipeline: loads plugins, calls them in time, and answers its steps."""
