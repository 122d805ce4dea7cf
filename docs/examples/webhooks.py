"""A server that is told of the ends of videos, and believes what is signed: pip install openai."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

from openai import InvalidWebhookSignatureError, OpenAI

server = os.environ.get("CIOTAT_SERVER", "http://127.0.0.1:8000")
client = OpenAI(base_url=f"{server}/v1", api_key=os.environ["CIOTAT_API_KEY"])
here = os.environ["WEBHOOK_URL"]


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            event = client.webhooks.unwrap(body, self.headers, secret=endpoint.signing_secret)
        except InvalidWebhookSignatureError:
            self.send_error(400)
            return
        self.send_response(204)  # first; what takes long comes behind it
        self.end_headers()
        print(event.type, event.data.id, flush=True)


with HTTPServer((urlsplit(here).hostname, urlsplit(here).port), Receiver) as receiver:
    endpoint = client.webhooks.create(name="ours", url=here, event_types=["video.completed", "video.failed"])
    print(endpoint.id, flush=True)
    receiver.serve_forever()
