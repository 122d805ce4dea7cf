"""A key, and one that nobody has, with the official client: pip install openai."""

import os

from openai import AuthenticationError, OpenAI

server = os.environ.get("CIOTAT_SERVER", "http://127.0.0.1:8000")

for key in (os.environ["CIOTAT_API_KEY"], "ciotat_nobody"):
    try:
        OpenAI(base_url=f"{server}/v1", api_key=key).videos.list()
        print("welcome")
    except AuthenticationError as error:
        print(error.code, error.request_id)
