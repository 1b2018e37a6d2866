"""Notifier: tells people what concerns them, through the site's inbox, email and SMS."""
