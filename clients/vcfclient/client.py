"""The service's REST API as methods: nothing here prints, exits or loads a whole file into memory."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import requests

Progress = Callable[[float, float], None]  # done, total: in bytes, or as a fraction of 1

BUSY = {429, 502, 503, 504}
# The type of other refusals of a GET: what a failed, cancelled or expired run answers is plain JSON.
PROBLEM = "application/problem+json"
TIMEOUT = (10.0, 120.0)
# A large upload is forwarded by a proxy and synced to disk before the service answers.
UPLOAD_TIMEOUT = (10.0, 660.0)
LONGEST_PAUSE = 30.0
HOLD_SECONDS = 10
PIECE_BYTES = 1 << 16
MOST_FRUITLESS = 5


class ClientError(Exception):
    """An error that a caller should expect; its text is a sentence for the user."""


class RunEndedError(ClientError):
    """The run failed, was cancelled or has expired."""


class ServiceError(ClientError):
    """The service cannot be reached, or refused the request."""


class BusyError(ServiceError):
    """The service is unreachable or busy for now: try again after `wait` seconds."""

    def __init__(self, sentence: str, wait: float = 0.0) -> None:
        super().__init__(sentence)
        self.wait = wait


class Client:
    """One service, used as one owner."""

    def __init__(self, url: str, token: str | None = None, *, patience: float = 300.0) -> None:
        """`patience`: how many seconds to retry while the service is unreachable or busy."""
        self.url = url.rstrip("/")
        self.patience = patience
        self._reached = False
        self._session = requests.Session()
        # A proxy that compresses would change the bytes that ranges and digests refer to.
        self._session.headers["Accept-Encoding"] = "identity"
        if token:
            # Not as a plain header: requests would replace it with an entry of ~/.netrc.
            self._session.auth = _bearer(token)

    def submit(
        self,
        path: Path,
        *,
        assembly: str | None = None,
        for_ref: bool = True,
        attributes: bool = False,
        register: bool = True,
        run_id: str | None = None,
        callback_url: str | None = None,
        on_bytes: Progress | None = None,
    ) -> str:
        """Upload a VCF (plain, gzip, BGZF or BCF) as a new run; returns its run_id.

        Without a `run_id` a random one is used. It makes the upload safe to repeat after a broken
        connection: the same run_id with the same bytes is the same run. Raises ServiceError, OSError.
        """
        if not path.stat().st_size:
            raise ServiceError(f"{path} is empty.")
        switches = {"for_ref": for_ref, "add_vrs_attributes": attributes, "register": register}
        query = {name: str(value).lower() for name, value in switches.items()}
        query |= {"run_async": "true", "run_id": run_id or str(uuid.uuid4())}
        optional = {"assembly": assembly, "callback_url": callback_url}
        query |= {name: value for name, value in optional.items() if value}
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(path.name, safe='')}",
        }
        with _Upload(path, on_bytes or _ignore) as upload:
            # Before gigabytes are sent: is the service there, and does it accept the token?
            self._ask("GET", "/runs/", params={"page_size": "1"})
            answer = self._ask("PUT", "/vcf", data=upload, params=query, headers=headers)
        return str(_members(answer, "run_id")["run_id"])

    def status(self, run: str) -> dict[str, Any]:
        """Everything the service knows about a run. Raises ServiceError."""
        return _members(self._ask("GET", _address(run)), "status", "expired", "result_sha256")

    def wait(self, run: str, on_progress: Progress | None = None) -> None:
        """Return when the run has succeeded. Raises RunEndedError, ServiceError."""
        show = on_progress or _ignore
        hold = {"Prefer": f"wait={HOLD_SECONDS}"}  # a short run needs one request
        while True:
            with self._first_byte(run, "vcf.gz", hold) as answer:
                if answer.status_code != 202:
                    show(1.0, 1.0)
                    return
                show(float(_members(answer).get("progress", 0)), 1.0)
                pause = _retry_after(answer) or 1.0
            hold = {}
            time.sleep(pause)

    def fetch(self, run: str, out: Path, *, plain: bool = False, on_bytes: Progress | None = None) -> None:
        """Download the result of a run that has succeeded, as BGZF or as plain text.

        It is named OUT.part until it is complete; an existing part is resumed. BGZF is compared with the
        service's SHA-256. Raises RunEndedError, ServiceError, OSError.
        """
        part = out.with_name(f"{out.name}.part")
        show = on_bytes or _ignore
        if plain:
            part.unlink(missing_ok=True)  # no digest tells whether it is of the same text
            self._download(run, "vcf", part, show)
        else:
            self._download(run, "vcf.gz", part, show)
            if not self._is_right(run, part):  # the existing part was of another file
                part.unlink()
                self._download(run, "vcf.gz", part, show)
                if not self._is_right(run, part):
                    raise ServiceError(f"The SHA-256 of {part} is not that of the result of run {run}.")
        part.replace(out)

    def cancel(self, run: str) -> None:
        """Cancel a run that has not ended. Raises ServiceError."""
        self._try("POST", f"{_address(run)}cancel")

    def retry(self, run: str) -> None:
        """Queue a failed or cancelled run again. Raises ServiceError."""
        self._try("POST", f"{_address(run)}retry")

    def delete(self, run: str) -> None:
        """Delete a run and its files. Raises ServiceError."""
        self._try("DELETE", _address(run))

    def runs(self) -> Iterator[dict[str, Any]]:
        """The owner's runs, newest first. Raises ServiceError."""
        query = {"page_size": "50"}
        while query:
            page = _members(self._ask("GET", "/runs/", params=query), "results", "next")
            yield from page["results"]
            query = dict(parse_qsl(urlsplit(page["next"] or "").query))

    def _download(self, run: str, form: str, part: Path, show: Progress) -> None:
        """Download until `part` has the size of the result; resumes after a broken connection."""
        with self._first_byte(run, form) as first:
            if first.status_code == 202:
                raise ServiceError(f"The run {run} has not ended yet.")
            if first.status_code != 206:
                raise ServiceError(f"The run {run} has no file.")
            size, etag = _size_and_etag(first)
        if _size(part) > size:
            part.unlink()
        fruitless = 0
        while (have := _size(part)) != size:
            with self._result(run, form, {"Range": f"bytes={have}-", "If-Range": etag}) as answer:
                if answer.status_code == 200:  # the whole file: the run_id now means another result
                    size = int(answer.headers.get("Content-Length", size))
                    etag = answer.headers.get("ETag", etag)
                _take(answer, part, size, show)
            fruitless = 0 if _size(part) > have else fruitless + 1
            if fruitless == MOST_FRUITLESS:
                raise ServiceError("The download keeps breaking off.")
            time.sleep(fruitless)

    def _is_right(self, run: str, part: Path) -> bool:
        with part.open("rb") as file:
            return bool(hashlib.file_digest(file, "sha256").hexdigest() == self.status(run)["result_sha256"])

    def _first_byte(self, run: str, form: str, headers: dict[str, str] | None = None) -> requests.Response:
        """The state of a run: 202, or 206 with the size and the ETag of its result."""
        return self._result(run, form, {"Range": "bytes=0-0"} | (headers or {}))

    def _result(self, run: str, form: str, headers: dict[str, str]) -> requests.Response:
        address = f"/vcf/{quote(run, safe='')}"
        return self._ask("GET", address, params={"format": form}, headers=headers, stream=True)

    def _ask(self, method: str, address: str, **more: Any) -> requests.Response:
        """The answer; a temporary error is retried while patience lasts.

        A service that has never answered is not retried: more likely its address is wrong.
        """
        give_up = time.monotonic() + self.patience
        pause = 1.0
        while True:
            try:
                return self._try(method, address, **more)
            except BusyError as error:
                wait = max(pause, error.wait)
                if not self._reached or time.monotonic() + wait > give_up:
                    raise
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _try(self, method: str, address: str, data: _Upload | None = None, **more: Any) -> requests.Response:
        """The answer to one request. Raises BusyError, ServiceError, RunEndedError."""
        timeout = TIMEOUT
        if data is not None:
            data.seek(0)
            timeout = UPLOAD_TIMEOUT
        try:
            answer = self._session.request(method, self.url + address, data=data, timeout=timeout, **more)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise BusyError(f"{self.url} cannot be reached.") from error
        except requests.RequestException as error:
            raise ServiceError(f"{self.url} cannot be asked: {error}") from error
        self._reached = True
        if not answer.ok:
            with answer:
                raise _error(answer)
        return answer


class _Upload(FileIO):
    """A file that reports how much of it was read; requests asks it for its length and streams it."""

    def __init__(self, path: Path, on_bytes: Progress) -> None:
        super().__init__(path)
        self._on_bytes = on_bytes
        self._total = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        data: bytes = super().read(size)
        self._on_bytes(self.tell(), self._total)
        return data


def _take(answer: requests.Response, part: Path, size: int, show: Progress) -> None:
    """Write the body of an answer; if it breaks off, the bytes received stay."""
    with part.open("ab" if answer.status_code == 206 else "wb") as file, suppress(requests.RequestException):
        for piece in answer.iter_content(PIECE_BYTES):
            file.write(piece)
            show(file.tell(), size)


def _error(answer: requests.Response) -> ClientError:
    members: dict[str, Any] = {}
    with suppress(ServiceError):
        members = _members(answer)
    said = members.get("error") or members.get("status_message")
    sentence = str(said or f"{answer.url} answers {answer.status_code} {answer.reason}.")
    is_problem = answer.headers.get("Content-Type", "").startswith(PROBLEM)
    if answer.request.method == "GET" and "error_code" in members and not is_problem:
        return RunEndedError(sentence)
    if answer.status_code in BUSY:
        return BusyError(sentence, _retry_after(answer) or 0.0)
    return ServiceError(sentence)


def _members(answer: requests.Response, *needed: str) -> dict[str, Any]:
    members: Any = None
    with suppress(requests.RequestException):
        members = answer.json()
    if not isinstance(members, dict) or not members.keys() >= set(needed):
        raise _stranger(answer)
    return members


def _size_and_etag(part: requests.Response) -> tuple[int, str]:
    size = part.headers.get("Content-Range", "").rpartition("/")[2]
    if not size.isdecimal() or "ETag" not in part.headers:
        raise _stranger(part)
    return int(size), part.headers["ETag"]


def _stranger(answer: requests.Response) -> ServiceError:
    return ServiceError(f"{answer.url} does not answer like this service.")


def _retry_after(answer: requests.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _bearer(token: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return sign


def _address(run: str) -> str:
    return f"/runs/{quote(run, safe='')}/"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _ignore(done: float, total: float) -> None:
    pass
