"""Process wiring shared by the five services: HTTP, callers, errors, health, logs, jobs, start and stop."""
