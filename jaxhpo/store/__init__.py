"""A study's records and checkpoints, each kind of file behind one module."""
