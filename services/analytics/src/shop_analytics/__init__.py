"""Analytics: what the site learns from searches, views and purchases."""
