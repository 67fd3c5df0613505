"""The demo's VCF as a first run, where an assembly that it fits is registered."""

from __future__ import annotations

import hashlib
import uuid
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from vcfjobs import storage
from vcfjobs.errors import UnknownAssemblyError, VcfJobsError
from vcfjobs.models import Run
from vcfjobs.references import assemblies
from vcfjobs.runs import submit
from vcfjobs.vrs.vcf.annotate import check_head
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options


def path() -> Path:
    """Where the file lies; an installation may lack it."""
    return Path(settings.BASE_DIR) / "demo" / "kgp_eur5.chr20.vcf.gz"


def fitting_assembly() -> str:
    """The first registered assembly whose bases the file names; "" without one or without the file."""
    if path().is_file():
        for name in assemblies.registered_assemblies():
            with suppress(VcfJobsError), path().open("rb") as file:
                head = check_head(open_text(file), assemblies.open_assembly(name), Options())
                if head.resolved and not head.mismatches:
                    return name
    return ""


def submit_example(owner: str) -> Run:
    """Submit the file. Raises UnknownAssemblyError where it fits none, and what `submit_run` raises."""
    assembly = fitting_assembly()
    if not assembly:
        raise UnknownAssemblyError("The example fits no registered assembly.")
    content = path().read_bytes()
    spooled = storage.spool() / uuid.uuid4().hex
    try:
        with storage.full_disk_as_error():
            spooled.write_bytes(content)
        run, _ = submit.submit_run(
            upload=submit.Upload(spooled, path().name, len(content), hashlib.sha256(content).hexdigest()),
            parameters=submit.Parameters(assembly=assembly, add_vrs_attributes=True),
            owner=owner,
            run_id=None,
            run_async=True,
        )
    finally:
        spooled.unlink(missing_ok=True)
    return run
