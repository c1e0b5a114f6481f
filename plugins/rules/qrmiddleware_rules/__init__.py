"""Rewriting rules in the rules.txt format of Querqy."""
