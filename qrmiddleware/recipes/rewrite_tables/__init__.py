"""Rewrite tables that an engine bears out: proposed, searched for, chosen, imported."""
