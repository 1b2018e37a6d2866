"""The outside: mail and message providers, and the templates they are fed from."""
