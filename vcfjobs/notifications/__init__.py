"""Messages to those who want to be told that a run has ended: webhooks, and e-mail to its owner."""
