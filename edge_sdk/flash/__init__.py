"""From a blank card or a board that runs to a board that has proven itself."""
