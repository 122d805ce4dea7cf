// What happens to a video, as server-sent events: npm install openai.
import OpenAI from "openai";

const server = process.env.CIOTAT_SERVER ?? "http://127.0.0.1:8000";
const key = process.env.CIOTAT_API_KEY;
const client = new OpenAI({ baseURL: `${server}/v1`, apiKey: key });
const video = await client.videos.create({ prompt: "a paper boat", size: "128x128", seconds: "1", steps: 8 });

const headers = { authorization: `Bearer ${key}` };
let status = "queued";
while (["queued", "in_progress"].includes(status)) { // a stream that ended early is gone on with
  const { body } = await fetch(`${server}/v1/videos/${video.id}/events`, { headers });
  let text = "";
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const lines = (text + piece).split("\n");
    text = lines.pop();
    for (const line of lines) {
      if (line.startsWith("id: ")) headers["last-event-id"] = line.slice(4);
      if (!line.startsWith("data: ")) continue;
      const event = JSON.parse(line.slice(6));
      status = event.status;
      console.log(status, event.progress ?? "");
    }
  }
}
