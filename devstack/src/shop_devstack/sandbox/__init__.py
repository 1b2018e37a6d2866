"""The provider sandbox: one loopback server that speaks for SendGrid, Twilio and a card payment provider.

It accepts and refuses what they do, keeps what it accepted, sends their signed webhooks, misbehaves when
told to (`faults`) and shows everything it received (`pages`). No mail or message goes any further.
"""
