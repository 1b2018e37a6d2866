"""Time in: scores to tell, occasions to suggest something, alerts that are over."""
