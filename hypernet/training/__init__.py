"""Training: a config, a schedule of objectives, one loop, and what makes it survive a kill."""
