"""Who one is: API tokens of accounts, listed tokens, and the tokens of an OpenID Connect provider."""
