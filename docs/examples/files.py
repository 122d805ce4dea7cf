"""A picture is kept, found, fetched and deleted, with the official client: pip install openai."""

import os
from pathlib import Path

from openai import OpenAI

server = os.environ.get("CIOTAT_SERVER", "http://127.0.0.1:8000")
client = OpenAI(base_url=f"{server}/v1", api_key=os.environ["CIOTAT_API_KEY"])

file = client.files.create(file=Path("boat.png"), purpose="vision")
print(file.id, f"{file.width}x{file.height}")
for each in client.files.list(purpose="vision"):
    print(each.id)
client.files.content(file.id).write_to_file("kept.png")
client.files.delete(file.id)
