"""The engine: trains many members at once. It knows no algorithm's name."""
