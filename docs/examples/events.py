"""What happens to a video, as server-sent events: pip install openai, which brings httpx2."""

import json
import os

import httpx2
from openai import OpenAI

server, key = os.environ.get("CIOTAT_SERVER", "http://127.0.0.1:8000"), os.environ["CIOTAT_API_KEY"]
video = OpenAI(base_url=f"{server}/v1", api_key=key).videos.create(
    prompt="a paper boat", size="128x128", seconds="1", extra_body={"steps": 8}
)
headers, status = {"authorization": f"Bearer {key}"}, "queued"
with httpx2.Client(headers=headers, timeout=30) as http:  # a comment comes every 15 seconds
    while status in ("queued", "in_progress"):  # a stream that ended early is gone on with
        with http.stream("GET", f"{server}/v1/videos/{video.id}/events") as stream:
            for line in stream.raise_for_status().iter_lines():
                field, _, value = line.partition(": ")
                if field == "data":
                    event = json.loads(value)
                    status = event["status"]
                    print(status, event.get("progress", ""))
                elif field == "id":
                    http.headers["last-event-id"] = value
