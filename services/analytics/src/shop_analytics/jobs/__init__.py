"""Time in: scores to tell, page views that wait, occasions to suggest something, alerts that are over."""
