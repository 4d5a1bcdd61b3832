"""An experiment in a folder of its own, as a user would write one: a noisy bowl."""
