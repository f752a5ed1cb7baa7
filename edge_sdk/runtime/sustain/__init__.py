"""How fast a model runs here for long: the whole run, beside what the machine itself did meanwhile."""
