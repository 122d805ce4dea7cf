// From words to boat.mp4, with the official client: npm install openai.
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";

const server = process.env.CIOTAT_SERVER ?? "http://127.0.0.1:8000";
const client = new OpenAI({ baseURL: `${server}/v1`, apiKey: process.env.CIOTAT_API_KEY });

let video = await client.videos.create({ prompt: "a paper boat", size: "128x128", seconds: "1", steps: 8 });
while (["queued", "in_progress"].includes(video.status)) {
  await sleep(500);
  video = await client.videos.retrieve(video.id);
}
const content = await client.videos.downloadContent(video.id);
await writeFile("boat.mp4", Buffer.from(await content.arrayBuffer()));
console.log(video.id, video.status);
