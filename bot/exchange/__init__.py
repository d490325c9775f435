"""Exchanges behind protocols. Nothing of a client library's types or errors leaves this folder."""
