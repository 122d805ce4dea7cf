"""The `ciotat` command: `up` runs the one-machine stack, `serve`, `worker` and `deliver` its parts."""

import argparse
import os
import sys
from pathlib import Path
from urllib.parse import quote

import httpx2

from service.access.keyring import CommandFailed, add_commands
from service.generate import add_generate, client_of, told


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

    add_generate(commands)
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


def _cancel(options: argparse.Namespace) -> None:
    """All that can be; what cannot is told, and makes the command fail."""
    refused = 0
    with client_of(options.server) as http:
        for video_id in options.ids:
            try:
                told(http.post(f"/v1/videos/{quote(video_id, safe='')}/cancel"))
                print(f"{video_id} cancelled", flush=True)
            except CommandFailed as problem:
                refused += 1
                print(f"ciotat: {problem}", file=sys.stderr)
    if refused:
        raise CommandFailed(f"{refused} of {len(options.ids)} not cancelled")


if __name__ == "__main__":
    sys.exit(main())
