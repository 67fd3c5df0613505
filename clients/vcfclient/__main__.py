"""The command line: `python -m vcfclient submit in.vcf.gz --wait -o out.vcf.gz`.

Exit code: 0 done; 1 the run failed, was cancelled or has expired; 2 wrong usage; 3 the service refused or
cannot be reached. Results go to standard output, progress bars and sentences to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vcfclient.client import Client, Progress, RunEndedError, ServiceError

DONE, ENDED_BADLY, USAGE, REFUSED, INTERRUPTED = 0, 1, 2, 3, 130
DEFAULT_URL = "http://127.0.0.1:8000"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Wrong usage raises SystemExit."""
    parser = _parser()
    url, token = os.environ.get("VRS_URL") or DEFAULT_URL, os.environ.get("VRS_TOKEN")
    options = parser.parse_args(arguments, Namespace(url=url, token=token, quiet=False))
    if not options.url.startswith(("http://", "https://")):
        parser.error("the URL of the service must begin with http:// or https://")
    if options.token and not (options.token.isascii() and options.token.isprintable()):
        parser.error("the token must be printable ASCII")
    try:
        code: int = options.action(Client(options.url, options.token), options)
        sys.stdout.flush()
    except RunEndedError as error:
        return _say(error, ENDED_BADLY)
    except ServiceError as error:
        return _say(error, REFUSED)
    except BrokenPipeError:  # the reader has closed the pipe: flush nothing more into it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        return _say(f"{error.filename or 'a file'}: {error.strerror}", USAGE)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _submit(client: Client, options: Namespace) -> int:
    with _bar("upload", options) as show:
        run = client.submit(
            options.file,
            assembly=options.assembly,
            for_ref=not options.no_ref,
            attributes=options.attributes,
            register=not options.no_register,
            run_id=options.run_id,
            callback_url=options.callback_url,
            on_bytes=show,
        )
    sys.stdout.write(f"{run}\n")
    sys.stdout.flush()  # printed before the wait begins
    options.run = run
    if options.wait or options.out:
        _wait(client, options)
    return _fetch(client, options) if options.out else DONE


def _status(client: Client, options: Namespace) -> int:
    run = client.status(options.run)
    sys.stdout.write(f"{json.dumps(run, indent=2)}\n")
    return ENDED_BADLY if run["status"] in ("failed", "cancelled") or run["expired"] else DONE


def _wait(client: Client, options: Namespace) -> int:
    with _bar("run", options, bar_format="{l_bar}{bar}| {elapsed}") as show:
        client.wait(options.run, show)
    return DONE


def _fetch(client: Client, options: Namespace) -> int:
    with _bar("download", options) as show:
        client.fetch(options.run, options.out, plain=options.plain, on_bytes=show)
    return DONE


def _change(client: Client, options: Namespace) -> int:
    getattr(client, options.command)(options.run)
    return DONE


def _list(client: Client, options: Namespace) -> int:
    for run in client.runs():
        columns = (run["status"], f"{run['progress']:.0%}", run["assembly"], run["created"], run["file_name"])
        sys.stdout.write("\t".join((run["run_id"], *columns)) + "\n")
    return DONE


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="vcfclient", description="Annotate VCF files with the service.")
    _add_general(parser)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, action: Callable[[Client, Namespace], int], text: str) -> ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        _add_general(made)
        made.set_defaults(action=action)
        if name not in ("submit", "list"):
            made.add_argument("run", metavar="RUN", help="the run_id, or the run's UUID")
        return made

    submit = command("submit", _submit, "upload a VCF and print the run_id")
    submit.add_argument("file", metavar="FILE", type=Path, help="a VCF: plain, gzip, BGZF or BCF")
    submit.add_argument("--assembly", help="default: the service's")
    submit.add_argument("--no-ref", action="store_true", help="write no identifiers for REF alleles")
    submit.add_argument("--attributes", action="store_true", help="also write the five attribute fields")
    submit.add_argument("--no-register", action="store_true", help="do not register the alleles")
    submit.add_argument("--run-id", help="the run's name; default: a random UUID")
    submit.add_argument("--callback-url", help="gets a webhook when the run ends")
    submit.add_argument("--wait", action="store_true", help="return when the run has ended; -o implies it")
    command("status", _status, "print everything about a run as JSON")
    command("wait", _wait, "return when a run has ended")
    fetch = command("fetch", _fetch, "download a result; resumes OUT.part if it exists")
    for made, required in ((submit, False), (fetch, True)):
        made.add_argument("-o", "--out", type=Path, required=required, help="file for the result")
        made.add_argument("--plain", action="store_true", help="plain text; default: BGZF")
    command("cancel", _change, "cancel a run that has not ended")
    command("retry", _change, "queue a failed or cancelled run again")
    command("delete", _change, "delete a run and its files")
    command("list", _list, "list runs, newest first, tab-separated")
    return parser


def _add_general(parser: ArgumentParser) -> None:
    """Options allowed before and after the command; neither parser may reset the other's values."""
    parser.add_argument("--url", default=SUPPRESS, help=f"default: $VRS_URL, else {DEFAULT_URL}")
    parser.add_argument("--token", default=SUPPRESS, help="bearer token; default: $VRS_TOKEN, hidden from ps")
    parser.add_argument("--quiet", action="store_true", default=SUPPRESS, help="no progress bars")


@contextmanager
def _bar(label: str, options: Namespace, bar_format: str | None = None) -> Iterator[Progress]:
    """A progress bar on standard error, if that is a terminal."""
    hidden = options.quiet or not sys.stderr.isatty()
    bar: tqdm[Any]
    with tqdm(desc=label, unit="B", unit_scale=True, bar_format=bar_format, disable=hidden) as bar:

        def show(done: float, total: float) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def _say(sentence: object, code: int) -> int:
    sys.stderr.write(f"vcfclient: {sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
