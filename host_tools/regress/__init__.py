"""What a fleet of users computed and cost once, and what of it has changed since."""
