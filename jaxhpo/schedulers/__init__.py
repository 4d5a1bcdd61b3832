"""Who stops. One file an algorithm, found by its name (see `jaxhpo.registry`)."""
