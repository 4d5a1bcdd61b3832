"""What is searched. One file a kind of task, with a small `example()` for the tests."""
