"""Renders what `jaxhpo.analysis` found; nothing is computed here."""
