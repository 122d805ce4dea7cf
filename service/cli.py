"""The `ciotat` command: `up` runs the one-machine stack, `serve`, `worker` and `deliver` its parts."""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
from tqdm import tqdm

from service.access.keyring import CommandFailed, add_commands


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 is success, 1 failure, 2 a wrong command line, 130 an interrupt."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (CommandFailed, httpx2.HTTPError, OSError) as error:
        print(f"ciotat: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ciotat", description="Video generation on an open Lumiere.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="run the whole service on this machine until INT or TERM")
    _add_addresses(up)
    up.add_argument("--data", type=Path, help="folder for jobs and videos (CIOTAT_DATA)")
    up.set_defaults(run=_up)

    serve = commands.add_parser("serve", help="run one API process on a given Redis (REDIS_URL) and storage")
    _add_addresses(serve)
    serve.set_defaults(run=_serve)

    worker = commands.add_parser("worker", help="run one worker on a given Redis and storage")
    worker.set_defaults(run=_worker)

    generate = commands.add_parser("generate", help="make one video and save it")
    generate.add_argument("prompt", help="what the video shows")
    generate.add_argument("-o", "--output", type=Path, required=True, help="the MP4 to write")
    for field, meaning in {
        "model": "an installed checkpoint",
        "size": "128x128, 256x256, 512x512, 1024x1024, 1280x720 or 720x1280",
        "seconds": "1 to 20",
        "seed": "the same seed makes the same video",
        "steps": "denoising steps, 1 to 100",
        "guidance-scale": "how closely to follow the prompt, 1 to 20",
        "negative-prompt": "what to keep out",
    }.items():
        generate.add_argument(f"--{field}", help=meaning)
    generate.add_argument(
        "--server",
        default=os.environ.get("CIOTAT_SERVER"),
        help="URL of a running service (CIOTAT_SERVER); without one, a stack is started for this video",
    )
    generate.set_defaults(run=_generate)

    cancel = commands.add_parser("cancel", help="cancel videos that are not finished")
    cancel.add_argument("ids", nargs="+", metavar="ID", help="a video of the service")
    cancel.add_argument(
        "--server",
        default=os.environ.get("CIOTAT_SERVER", "http://127.0.0.1:8000"),
        help="URL of the service (CIOTAT_SERVER, or %(default)s)",
    )
    cancel.set_defaults(run=_cancel)

    deliver = commands.add_parser("deliver", help="send webhooks until INT or TERM; `up` does it too")
    deliver.set_defaults(run=_deliver)
    add_commands(commands)
    sweep = commands.add_parser("sweep", help="remove what is over and what is nobody's, now")
    sweep.add_argument("--dry-run", action="store_true", help="change nothing, and say what would be")
    sweep.add_argument("--adopt", action="store_true", help="first mark the storage as that of this Redis")
    sweep.add_argument("--data", type=Path, help="folder of the one-machine stack (CIOTAT_DATA)")
    sweep.set_defaults(run=_sweep)
    return parser


def _add_addresses(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=int, default=8000, help="port of the REST API, 0 for a free one (%(default)s)"
    )
    parser.add_argument(
        "--grpc-port", type=int, default=50051, help="port of the gRPC API, likewise (%(default)s)"
    )


def _up(options: argparse.Namespace) -> None:
    from service.processes.apart import CannotStart
    from service.processes.local import up
    from worker.settings import Settings

    settings = Settings() if options.data is None else Settings(data=options.data.absolute())
    try:
        up(settings, options.host, options.port, options.grpc_port, _announce)
    except CannotStart as error:
        raise CommandFailed(error) from None


def _deliver(options: argparse.Namespace) -> None:
    from service.webhooks.deliverer import run
    from worker.settings import Settings

    run(Settings())


def _serve(options: argparse.Namespace) -> None:
    from service.processes.apart import CannotStart, serve
    from worker.settings import Settings

    def announce(addresses: str) -> None:
        print(f"ciotat: serving at {addresses}", flush=True)

    try:
        serve(Settings(), options.host, options.port, options.grpc_port, announce)
    except CannotStart as error:
        raise CommandFailed(error) from None


def _worker(options: argparse.Namespace) -> None:
    from service.processes.apart import work

    work()


def _sweep(options: argparse.Namespace) -> None:
    from service.processes.sweeping import sweep_now
    from worker.settings import Settings

    settings = Settings() if options.data is None else Settings(data=options.data.absolute())
    sweep_now(settings, options.dry_run, options.adopt, print)


def _announce(addresses: str) -> None:
    print(f"ciotat: ready at {addresses}", flush=True)


FIELDS = ("prompt", "model", "size", "seconds", "seed", "steps", "guidance_scale", "negative_prompt")


def _generate(options: argparse.Namespace) -> None:
    """Ask, wait, download; the only line on stdout says where the video is and how long it took."""
    fields = {name: getattr(options, name) for name in FIELDS if getattr(options, name) is not None}
    if not options.output.absolute().parent.is_dir():
        raise CommandFailed(f"there is no folder {options.output.absolute().parent}")
    if options.server:
        _fetch(options.server, fields, options.output)
    else:
        with _own_stack() as server:
            _fetch(server, fields, options.output)


def _client(server: str) -> httpx2.Client:
    key = os.environ.get("CIOTAT_API_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx2.Client(
        base_url=server, headers=headers, timeout=60, transport=httpx2.HTTPTransport(retries=3)
    )


def _cancel(options: argparse.Namespace) -> None:
    """All that can be; what cannot is told, and makes the command fail."""
    refused = 0
    with _client(options.server) as http:
        for video_id in options.ids:
            try:
                _told(http.post(f"/v1/videos/{quote(video_id, safe='')}/cancel"))
                print(f"{video_id} cancelled", flush=True)
            except CommandFailed as problem:
                refused += 1
                print(f"ciotat: {problem}", file=sys.stderr)
    if refused:
        raise CommandFailed(f"{refused} of {len(options.ids)} not cancelled")


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _fetch(server: str, fields: dict[str, Any], output: Path) -> None:
    """Who is interrupted, by INT or TERM, wants the video no longer."""
    signal.signal(signal.SIGTERM, _interrupt)
    with _client(server) as http:
        began = time.monotonic()
        video = _told(http.post("/v1/videos", json=fields))
        try:
            video = _wait(http, video)
        except KeyboardInterrupt:
            _told(http.post(f"/v1/videos/{video['id']}/cancel"))
            print(f"ciotat: video {video['id']} cancelled", file=sys.stderr)
            raise
        seconds = time.monotonic() - began
        _download(http, video["id"], output)
    print(f"{output} in {seconds:.1f} s", flush=True)


def _told(reply: httpx2.Response) -> dict[str, Any]:
    """The reply's object, or its error in its own words."""
    try:
        body = reply.json()
        if reply.is_success:
            return dict(body)
        problem = body["error"]["message"]
    except (ValueError, LookupError, TypeError):
        raise CommandFailed(
            f"{reply.url} answered {reply.status_code}, not as a ciotat service does"
        ) from None
    raise CommandFailed(problem)


def _wait(http: httpx2.Client, video: dict[str, Any]) -> dict[str, Any]:
    """Poll until the video has reached its end, with a bar that tells true progress."""
    with tqdm(total=100, unit="%", bar_format="{desc}{percentage:3.0f}%|{bar}| {elapsed}") as bar:
        while video["status"] in ("queued", "in_progress"):
            bar.set_description(video["status"].replace("_", " "), refresh=False)
            bar.update(max(0, video["progress"] - bar.n))
            time.sleep(0.5)
            video = _told(http.get(f"/v1/videos/{video['id']}"))
        bar.set_description(video["status"], refresh=False)
        bar.update(video["progress"] - bar.n)
    if video["status"] != "completed":
        error = video["error"] or {"code": video["status"], "message": "no reason was given"}
        raise CommandFailed(f"the video {video['status']}: {error['message']} ({error['code']})")
    return video


def _download(http: httpx2.Client, video_id: str, output: Path) -> None:
    """Stream beside the target, then rename: the output is whole or absent."""
    partial = output.with_name(f".{output.name}.partial")
    try:
        with http.stream("GET", f"/v1/videos/{video_id}/content", follow_redirects=True) as reply:
            if not reply.is_success:
                reply.read()
                _told(reply)
            with partial.open("wb") as target:
                for chunk in reply.iter_bytes():
                    target.write(chunk)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _own_stack() -> Iterator[str]:
    """The whole service on a free port and in a passing folder, for as long as this block."""
    from service.processes.local import leashed

    with tempfile.TemporaryDirectory(prefix="ciotat-") as folder:
        log_path = Path(folder) / "log"
        command = [
            sys.executable,
            "-P",
            "-m",
            "service.cli",
            "up",
            "--port=0",
            "--grpc-port=0",
            f"--data={folder}",
        ]
        read, write = os.pipe()
        with log_path.open("wb") as log, leashed(command, Path(folder), stdout=write, stderr=log.fileno()):
            os.close(write)
            try:
                with os.fdopen(read) as lines:
                    first = lines.readline()
                    if "ready at " not in first:
                        raise CommandFailed("the service did not start")
                    yield first.rpartition("ready at ")[2].split()[0]
            except CommandFailed:
                sys.stderr.write(log_path.read_text(errors="replace")[-4000:])  # gone with the folder
                raise


if __name__ == "__main__":
    sys.exit(main())
