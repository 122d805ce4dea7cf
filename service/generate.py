"""`ciotat generate`: asks a service for one video, from words and files, waits for it, and saves it."""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from tqdm import tqdm

from model.tasks import Task
from service.access.keyring import CommandFailed

VALUES = {
    "model": "an installed checkpoint",
    "size": "128x128, 256x256, 512x512, 1024x1024, 1280x720 or 720x1280",
    "seconds": "1 to 20, as the task and the checkpoint allow",
    "seed": "the same seed makes the same video",
    "steps": "denoising steps, 1 to 100",
    "guidance-scale": "how closely to follow the prompt, 1 to 20",
    "negative-prompt": "what to keep out",
    "strength": "how much of a clip is made anew, 0 to 1; 0 gives it back",
    "style": "a style of the checkpoint, by its name",
    "style-alpha": "how much of the style, 0 to 1",
}
FIELDS = ("prompt", "task", "loop", *(name.replace("-", "_") for name in VALUES))
INPUTS = {"image": "input_reference", "video": "input_reference", "mask": "mask", "last_frame": "last_frame"}


def add_generate(commands: Any) -> None:
    """The command and what it takes."""
    generate = commands.add_parser("generate", help="make one video and save it")
    generate.add_argument("prompt", help="what the video shows")
    generate.add_argument("-o", "--output", type=Path, required=True, help="the MP4 to write")
    for field, meaning in VALUES.items():
        generate.add_argument(f"--{field}", help=meaning)
    generate.add_argument(
        "--loop", action="store_true", default=None, help="let its end flow into its beginning"
    )
    generate.add_argument(
        "--task",
        choices=list(map(str, Task)),
        help="what to do with the inputs; without it, what they suggest",
    )
    inputs = generate.add_argument_group("inputs", "pictures are PNG, JPEG or WebP, clips MP4 or WebM")
    begun = inputs.add_mutually_exclusive_group()
    begun.add_argument("--image", type=Path, metavar="FILE", help="a picture to begin with")
    begun.add_argument("--video", type=Path, metavar="FILE", help="a clip to make anew, to extend or to mask")
    inputs.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="as large as the image or video: white is made anew, black is kept",
    )
    inputs.add_argument("--last-frame", type=Path, metavar="FILE", help="a picture to end with")
    generate.add_argument(
        "--server",
        default=os.environ.get("CIOTAT_SERVER"),
        help="URL of a running service (CIOTAT_SERVER); without one, a stack is started for this video",
    )
    generate.set_defaults(run=_generate)


def _generate(options: argparse.Namespace) -> None:
    """Ask, wait, download; the only line on stdout says where the video is and how long it took."""
    fields = {name: getattr(options, name) for name in FIELDS if getattr(options, name) is not None}
    files = {name: getattr(options, name) for name in INPUTS if getattr(options, name) is not None}
    if not options.output.absolute().parent.is_dir():
        raise CommandFailed(f"there is no folder {options.output.absolute().parent}")
    for name, path in files.items():
        option = f"--{name.replace('_', '-')}"
        if not path.is_file():
            raise CommandFailed(f"{option}: there is no file {path}")
        if name in ("mask", "last_frame") and not options.image and not options.video:
            raise CommandFailed(f"{option} needs --image{' or --video' if name == 'mask' else ''}")
    if options.server:
        _fetch(options.server, fields, files, options.output)
    else:
        with _own_stack() as server:
            _fetch(server, fields, files, options.output)


def client_of(server: str) -> httpx2.Client:
    """A client of the service at this address, with the key of the environment."""
    key = os.environ.get("CIOTAT_API_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx2.Client(
        base_url=server, headers=headers, timeout=60, transport=httpx2.HTTPTransport(retries=3)
    )


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _fetch(server: str, fields: dict[str, Any], files: dict[str, Path], output: Path) -> None:
    """Who is interrupted, by INT or TERM, wants the video no longer."""
    signal.signal(signal.SIGTERM, _interrupt)
    with client_of(server) as http:
        began = time.monotonic()
        video = _asked(http, fields, files)
        print(f"ciotat: {_summary(video, files)}", file=sys.stderr)
        try:
            video = _wait(http, video)
        except KeyboardInterrupt:
            told(http.post(f"/v1/videos/{video['id']}/cancel"))
            print(f"ciotat: video {video['id']} cancelled", file=sys.stderr)
            raise
        seconds = time.monotonic() - began
        _download(http, video["id"], output)
    print(f"{output} in {seconds:.1f} s", flush=True)


def _asked(http: httpx2.Client, fields: dict[str, Any], files: dict[str, Path]) -> dict[str, Any]:
    """The video as the service has queued it."""
    if not files:
        return told(http.post("/v1/videos", json=fields))
    with ExitStack() as stack:
        parts = {INPUTS[name]: stack.enter_context(path.open("rb")) for name, path in files.items()}
        form = {name: "true" if value is True else value for name, value in fields.items()}
        return told(http.post("/v1/videos", data=form, files=parts))


def _summary(video: dict[str, Any], files: dict[str, Path]) -> str:
    """What will be made, in one line."""
    parts = [f"{name.replace('_', ' ')} {path}" for name, path in files.items()]
    if video["strength"] is not None:
        parts.append(f"strength {video['strength']:g}")
    if video["style"]:
        parts.append(f"style {video['style']} at {video['style_alpha']:g}")
    if video["loop"]:
        parts.append("a loop")
    made = (
        f"{video['task']}, {video['seconds']} s of {video['size']} by {video['model']}, seed {video['seed']}"
    )
    return ", ".join([made, *parts])


def told(reply: httpx2.Response) -> dict[str, Any]:
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
            video = told(http.get(f"/v1/videos/{video['id']}"))
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
                told(reply)
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
