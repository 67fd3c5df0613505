"""P23: one user never sees, changes or learns of another's run, by any verb of any address."""

from __future__ import annotations

import requests
import yaml

from tests.conftest import PROJECT
from tests.faults.conftest import Install
from tests.faults.files import SMALL

SCHEMA = yaml.safe_load((PROJECT / "tests" / "api" / "schema.yaml").read_text())
OF_A_RUN = [
    (method, path)
    for path, methods in SCHEMA["paths"].items()
    for method in methods
    if "{run_id}" in path and method in ("get", "put", "post", "patch", "delete")
]


def test_every_verb_on_anothers_run_is_404(install: Install) -> None:
    made = install(ANYVAR_AUTH_TOKEN_LIST="alice-token,bob-token")
    made.start_web()
    made.start_worker()
    alice, bob = requests.Session(), requests.Session()
    alice.headers["Authorization"] = "Bearer alice-token"
    bob.headers["Authorization"] = "Bearer bob-token"
    submitted = alice.put(f"{made.url}/vcf?run_async=true&run_id=private", data=SMALL, timeout=30)
    while alice.get(f"{made.url}/vcf/private", timeout=30).status_code == 202:
        pass
    run = alice.get(f"{made.url}/runs/private/", timeout=30).json()
    assert submitted.status_code == 202
    assert len(OF_A_RUN) >= 8
    for method, path in OF_A_RUN:
        for name in ("private", run["id"]):
            address = made.url + path.replace("{run_id}", name)
            foreign = bob.request(method, address, timeout=30)
            unknown = bob.request(method, made.url + path.replace("{run_id}", "never-was"), timeout=30)
            assert foreign.status_code == unknown.status_code == 404, (method, path)
            said = foreign.text.replace(name, "never-was")
            assert said == unknown.text, (method, path)
            assert requests.request(method, address, timeout=30).status_code == 401
    assert bob.get(f"{made.url}/runs/", timeout=30).json()["results"] == []
    # And the name is free to the other.
    answer = bob.put(f"{made.url}/vcf?run_async=true&run_id=private", data=SMALL, timeout=30)
    assert answer.status_code == 202
    assert alice.get(f"{made.url}/runs/private/", timeout=30).json() | {"links": 0} == run | {"links": 0}
    for session in (alice, bob):
        assert session.delete(f"{made.url}/runs/private/", timeout=30).status_code == 204
