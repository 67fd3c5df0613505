"""Submit a run: check the upload, take the run_id, record the run and queue it."""

from __future__ import annotations

import logging
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from vcfjobs import storage
from vcfjobs.database.retry import DATABASE_OUTAGE
from vcfjobs.errors import (
    InvalidVcfError,
    ReferenceMismatchError,
    RunFailureError,
    RunIdInUseError,
    UploadTooLargeError,
)
from vcfjobs.log_context import log_run, name_run
from vcfjobs.models import ACTIVE, Kind, Run, Status
from vcfjobs.references import assemblies
from vcfjobs.runs import admission, estimates
from vcfjobs.runs.run_ids import validate_run_id
from vcfjobs.vrs import versions
from vcfjobs.vrs.vcf.annotate import HeadCheck, check_head, read_header
from vcfjobs.vrs.vcf.ingest import require_annotations
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.versions import VrsVersion
from vcfjobs.worker import dispatch, executor, scheduler

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in the spool; its SHA-256 in hexadecimal."""

    path: Path
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Parameters:
    assembly: str
    for_ref: bool = True
    add_vrs_attributes: bool = False
    register: bool = True
    kind: str = Kind.ANNOTATE
    require_validation: bool = False
    vrs_version: VrsVersion = versions.DEFAULT
    callback_url: str = ""
    email_owner: bool = False


def submit_run(
    *, upload: Upload, parameters: Parameters, owner: str, run_id: str | None, run_async: bool
) -> tuple[Run, bool]:
    """Record a run of the uploaded file, and enqueue it or annotate it in this process.

    Returns the run and whether it is new: the same run_id with the same file and parameters is a repeated
    request. After success the spooled file has been moved; after an error it still belongs to the caller.
    Raises RunIdInUseError, InvalidVcfError, UnknownAssemblyError, ReferenceMismatchError,
    NoReferenceError, UploadTooLargeError, and what `require_room` raises.
    """
    if run_id is not None:
        validate_run_id(run_id)
    pk = uuid.uuid4()
    run = Run(
        id=pk,
        run_id=run_id or str(pk),
        owner=owner,
        file_name=upload.name[:255],
        input_bytes=upload.size,
        input_sha256=upload.sha256,
        attempt_limit=settings.ANYVAR_RUN_MAX_ATTEMPTS,
        **asdict(parameters) | {"assembly": assemblies.resolve_assembly(parameters.assembly)},
    )
    _check_upload(run, upload, run_async=run_async)
    with log_run(run.pk):
        stored, created = _store(run, upload.path, run_async=run_async)
        if created:
            estimates.remember_backlog()
    name_run(stored.pk)
    if not run_async:  # as a worker would; a repeated request finds it done or running
        executor.run(stored.pk, task_id="", worker="web")
        stored.refresh_from_db()
    return stored, created


def _check_upload(run: Run, upload: Upload, *, run_async: bool) -> None:
    """Check header and first records; set the run's format, and the tool that annotated the file before."""
    if not run_async and upload.size > settings.ANYVAR_SYNC_MAX_BYTES:
        raise _too_large_for_sync()
    with upload.path.open("rb") as file:
        source = open_text(file)
        if run.kind == Kind.INGEST:
            header, _ = read_header(source, None)
            require_annotations(header.data)
            run.input_annotated_by = header.annotated_by
        else:
            run.input_annotated_by = _check_reference(upload, run.assembly).annotated_by
    run.input_format = source.format
    if not run_async and source.format != "vcf":
        _refuse_inflated(upload)


def _check_reference(upload: Upload, assembly: str) -> HeadCheck:
    """Raise ReferenceMismatchError if most of the first records have other REF bases than the assembly."""
    head = _head_against(upload, assembly)
    if head.mismatches * 2 <= head.records:
        return head
    heads = ((name, _head_against(upload, name)) for name in assemblies.registered_assemblies())
    other = next((name for name, tried in heads if tried.resolved and not tried.mismatches), None)
    hint = f" The file fits {other}." if other else ""
    raise ReferenceMismatchError(
        f"{head.mismatches} of the first {head.records} records name REF bases that are not those of "
        f"{assembly}: is this the right assembly?{hint}",
        mismatches=head.mismatches,
        records=head.records,
        fitting_assembly=other,
    )


def _head_against(upload: Upload, assembly: str) -> HeadCheck:
    with upload.path.open("rb") as file:
        return check_head(open_text(file), assemblies.open_assembly(assembly), Options())


def _refuse_inflated(upload: Upload) -> None:
    """Raise UploadTooLargeError if a file is too large for a synchronous request when decompressed."""
    inflated = 0
    with upload.path.open("rb") as file:
        source = open_text(file)
        try:
            while chunk := source.read_chunk():
                inflated += len(chunk)
                if inflated > settings.ANYVAR_SYNC_MAX_BYTES:
                    raise _too_large_for_sync()
        except RunFailureError as error:
            raise InvalidVcfError(error.sentence) from error


def _too_large_for_sync() -> UploadTooLargeError:
    return UploadTooLargeError(
        f"Files above {settings.ANYVAR_SYNC_MAX_BYTES} bytes (also when decompressed) are not annotated "
        "inside the request: use run_async=true."
    )


def _store(run: Run, spooled: Path, *, run_async: bool) -> tuple[Run, bool]:
    """Take the run_id, move the file, write the row. The loser of a race is treated as a later request."""
    for _ in range(5):
        holder = Run.objects.filter(owner=run.owner, run_id=run.run_id, superseded=False).first()
        if holder is not None and not _supersede(holder, run):
            return holder, False
        admission.require_room(run.owner, 0, arrived=run.input_bytes)
        try:
            _insert(run, spooled, holder, run_async=run_async)
        except IntegrityError:
            if not Run.objects.filter(owner=run.owner, run_id=run.run_id, superseded=False).exists():
                raise  # it was not the run_id
            continue
        return run, True
    raise _in_use(run)


def _supersede(holder: Run, run: Run) -> bool:
    """Whether the holder gives up its run_id; False if the request is the same. Raises RunIdInUseError."""
    keeps = holder.status in ACTIVE or (holder.status == Status.SUCCEEDED and not holder.is_expired)
    names = (*Parameters.__slots__, "input_sha256", "input_bytes")
    if keeps and all(getattr(holder, name) == getattr(run, name) for name in names):
        return False
    if keeps and (holder.status in ACTIVE or holder.fetched is None):
        raise _in_use(holder)
    return True


def _insert(run: Run, spooled: Path, holder: Run | None, *, run_async: bool) -> None:
    """Move the file, then write the row: the sweep deletes files without a row."""
    try:
        # Before the transaction: SQLite has one writer, and a slow disk would block all others.
        with storage.full_disk_as_error():
            storage.sync(spooled)
            storage.adopt_upload(spooled, run.pk)
        with transaction.atomic():
            if holder is not None:
                # Fenced by the status that was read: after a retry in between, the holder keeps the run_id.
                Run.objects.filter(pk=holder.pk, status=holder.status).update(superseded=True)
            if run_async:
                run.queue_position = scheduler.next_position(run.owner)
                transaction.on_commit(lambda: dispatch.enqueue(run), robust=True)
            else:
                run.sent = Now()  # kept from the sweep, and out of the queue: it runs here
            run.save(force_insert=True)
    except BaseException:
        _undo_adopt(run.pk, spooled)
        raise


def _undo_adopt(pk: uuid.UUID, spooled: Path) -> None:
    """Undo `adopt_upload`, unless the row was committed: the answer to a COMMIT may be lost.

    If the database does not answer, the file stays. Without a row it is an orphan, which the sweep deletes.
    """
    if storage.has_input(pk):
        connection.close_if_unusable_or_obsolete()
        try:
            if Run.objects.filter(pk=pk).exists():
                return
        except DATABASE_OUTAGE:
            return
        storage.input_path(pk).rename(spooled)
    storage.drop_run(pk)


def _in_use(holder: Run) -> RunIdInUseError:
    status = "SUCCESS" if holder.status == Status.SUCCEEDED else "PENDING"
    return RunIdInUseError(
        f"An existing run with id {holder.run_id} is {status}. "
        "Fetch the completed run result before submitting with the same run_id.",
        run_status=status,
    )
