"""Who labels pairs: a language model, a classifier, or judgments that are there already."""
