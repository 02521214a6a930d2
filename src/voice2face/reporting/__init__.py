"""Pages for people: of runs, and of one's own voices beside photographs."""
