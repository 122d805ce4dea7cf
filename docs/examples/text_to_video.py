"""From words to boat.mp4, with the official client: pip install openai."""

import os

from openai import OpenAI

server = os.environ.get("CIOTAT_SERVER", "http://127.0.0.1:8000")
client = OpenAI(base_url=f"{server}/v1", api_key=os.environ["CIOTAT_API_KEY"])

video = client.videos.create_and_poll(
    prompt="a paper boat", size="128x128", seconds="1", extra_body={"steps": 8}
)
client.videos.download_content(video.id).write_to_file("boat.mp4")
print(video.id, video.status)
