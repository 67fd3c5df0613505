"""Annotation on the command line, without service, database or Django."""
