// A server that is told of the ends of videos, and believes what is signed: npm install openai.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import OpenAI from "openai";

const server = process.env.CIOTAT_SERVER ?? "http://127.0.0.1:8000";
const client = new OpenAI({ baseURL: `${server}/v1`, apiKey: process.env.CIOTAT_API_KEY });
const here = new URL(process.env.WEBHOOK_URL);
let endpoint;

const receiver = createServer(async (request, response) => {
  try {
    const body = await text(request);
    const event = await client.webhooks.unwrap(body, request.headers, endpoint.signing_secret);
    response.writeHead(204).end(); // first; what takes long comes behind it
    console.log(event.type, event.data.id);
  } catch (error) {
    if (!(error instanceof OpenAI.InvalidWebhookSignatureError)) throw error;
    response.writeHead(400).end();
  }
});
receiver.listen(here.port, here.hostname, async () => {
  const event_types = ["video.completed", "video.failed"];
  endpoint = await client.webhooks.create({ name: "ours", url: here.href, event_types });
  console.log(endpoint.id);
});
