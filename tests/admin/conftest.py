"""Who is signed in to the admin."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

RUNS = "admin:vcfjobs_run_changelist"
ROWS = ("run", "shard", "assembly", "contig", "sequence", "allele", "worker")


@pytest.fixture
def admin(client: Client) -> Client:
    """A signed-in superuser."""
    client.force_login(User.objects.create_superuser("root"))
    return client
