"""Time in: payments that nobody has heard of, money to give back; and the word to tell everything again."""
