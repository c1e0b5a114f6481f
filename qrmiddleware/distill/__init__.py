"""Distillation: the blocks that training recipes are made of, from labels to exported students."""
