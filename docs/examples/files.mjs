// A picture is kept, found, fetched and deleted, with the official client: npm install openai.
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import OpenAI from "openai";

const server = process.env.CIOTAT_SERVER ?? "http://127.0.0.1:8000";
const client = new OpenAI({ baseURL: `${server}/v1`, apiKey: process.env.CIOTAT_API_KEY });

const file = await client.files.create({ file: createReadStream("boat.png"), purpose: "vision" });
console.log(file.id, `${file.width}x${file.height}`);
for await (const each of client.files.list({ purpose: "vision" })) console.log(each.id);
const content = await client.files.content(file.id);
await writeFile("kept.png", Buffer.from(await content.arrayBuffer()));
await client.files.delete(file.id);
