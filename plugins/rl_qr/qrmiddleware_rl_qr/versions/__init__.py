"""Versions of a student that goes on learning: which one serves, and which one is tried."""
