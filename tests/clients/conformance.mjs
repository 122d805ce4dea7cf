// What the official Node client can do with the service: the checks of conformance.py, under the same names.
//
// `node conformance.mjs openai|openai-6 [CHECK ...]` prints a JSON object: of each check null, or how it failed; on
// stderr, how far it is.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const openai = await import(process.argv[2]);
const { CIOTAT_SERVER, CIOTAT_API_KEY, SPENT_API_KEY, RECEIVER, PICTURE, CLIP } = process.env;

const EXTRA = { steps: 2, seed: 7 };
const SMALL = { prompt: "a paper boat", model: "ciotat-1", size: "128x128", seconds: "1" };
const LONG = { ...SMALL, steps: 100 };
const KEYS = [
  "id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at", "prompt",
  "size", "seconds", "remixed_from_video_id", "error",
  "task", "seed", "fps", "frames", "queue_position", "eta_seconds", "timings", "metadata", "warnings",
];
const BEGINNINGS = {
  video: ["video/mp4", "ftyp", 4],
  thumbnail: ["image/webp", "WEBP", 8],
  spritesheet: ["image/jpeg", "\xff\xd8", 0],
  preview: ["image/webp", "WEBP", 8],
};

let requests = 0;

function counted(url, options) {
  if (String(url).startsWith(CIOTAT_SERVER)) requests++; // the client also asks what fetch can do
  return fetch(url, options);
}

function connected(apiKey = CIOTAT_API_KEY) {
  return new openai.OpenAI({ baseURL: `${CIOTAT_SERVER}/v1`, apiKey, fetch: counted });
}

// Everything that the client's iterator through pages gives.
async function listed(pages) {
  const all = [];
  for await (const each of pages) all.push(each);
  return all;
}

const ids = (things) => things.map((each) => each.id);

const created = (client, fields = {}, options = {}) =>
  client.videos.create({ ...SMALL, ...EXTRA, ...fields }, options);

// This client has no helper that polls: it is done as the header asks.
async function polled(client, id) {
  for (;;) {
    const { data: video, response } = await client.videos.retrieve(id).withResponse();
    if (!["queued", "in_progress"].includes(video.status)) return video;
    const wait = Number(response.headers.get("openai-poll-after-ms"));
    assert.ok(wait > 0, "nothing tells when to ask again");
    await sleep(wait);
  }
}

let made;

// A finished video, the same for all checks.
async function finished(client) {
  made ??= await polled(client, (await created(client)).id);
  return made;
}

// The error of a call: of this class and code, with an id, and not repeated by the client.
async function refused(kind, code, call) {
  const before = requests;
  let error;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof openai.APIError, `not refused with ${code}: ${error}`);
  assert.deepEqual([error.constructor.name, error.code], [kind, code]);
  assert.match(error.requestID, /^req_/);
  assert.equal(requests, before + 1, "the client tried again");
  return error;
}

const toCome = async (call) =>
  assert.equal((await refused("InternalServerError", "task_not_available", call)).status, 501);

const CHECKS = {
  async create_as_multipart(client) {
    const video = await created(client);

    assert.deepEqual(KEYS.filter((name) => !(name in video)), []);
    assert.deepEqual([video.object, video.status, video.progress], ["video", "queued", 0]);
    for (const name in SMALL) assert.equal(video[name], SMALL[name]);
    assert.deepEqual([video.task, video.seed, video.fps, video.frames], ["text_to_video", 7, 16, 16]);
  },

  async create_as_json(client) {
    const video = await client.post("/videos", { body: { ...SMALL, ...EXTRA } });

    for (const name in SMALL) assert.equal(video[name], SMALL[name]);
    assert.equal(video.seed, 7);
  },

  async create_with_scalars_that_travel_as_text(client) {
    const asked = { steps: "2", seed: 9, guidance_scale: 3.5, negative_prompt: "rain" };
    const video = await created(client, asked);

    for (const name in asked) assert.equal(video[name], name === "steps" ? 2 : asked[name]);
  },

  async create_with_metadata(client) {
    const metadata = { shot: "12", scene: "b" };
    for (const create of [(body) => client.videos.create(body), (body) => client.post("/videos", { body })]) {
      const video = await create({ ...SMALL, ...EXTRA, metadata });

      assert.deepEqual((await client.videos.retrieve(video.id)).metadata, metadata);
    }
  },

  async lists_are_read_without_their_brackets(client) {
    const byJSON = (body) => client.post("/videos", { body });
    const byForm = (body) => client.videos.create(body);
    for (const [name, create] of [["seed", byForm], ["styles", byForm], ["styles", byJSON]]) {
      const call = () => create({ ...SMALL, [name]: ["1", "2"] });
      assert.equal((await refused("BadRequestError", "invalid_value", call)).param, name);
    }
  },

  async create_and_poll(client) {
    const video = await finished(client);

    assert.deepEqual([video.status, video.progress, video.error], ["completed", 100, null]);
    assert.ok(video.completed_at >= video.created_at);
    assert.ok(video.timings);
  },

  async a_failed_video_is_an_answer(client) {
    const failed = await polled(client, (await created(client, { model: "truncated" })).id);

    assert.deepEqual([failed.status, failed.error.code], ["failed", "invalid_checkpoint"]);
    await refused("ConflictError", "video_failed", () => client.videos.downloadContent(failed.id));
  },

  async list_through_pages(client) {
    const three = [];
    for (let each = 0; each < 3; each++) three.push((await created(client)).id);

    const oldestFirst = ids(await listed(client.videos.list({ limit: 2, order: "asc" })));
    const newestFirst = ids(await listed(client.videos.list({ limit: 2 })));
    assert.deepEqual(oldestFirst.slice(-3), three);
    assert.deepEqual(newestFirst, oldestFirst.toReversed());
    const behind = await listed(client.videos.list({ after: three[0], order: "asc" }));
    assert.deepEqual(ids(behind), three.slice(1));
  },

  async content_of_all_variants(client) {
    const video = await finished(client);
    for (const [variant, [kind, magic, at]] of Object.entries(BEGINNINGS)) {
      const response = await client.videos.downloadContent(video.id, { variant });
      const content = Buffer.from(await response.arrayBuffer());

      assert.equal(response.headers.get("content-type"), kind, variant);
      assert.equal(content.toString("latin1", at, at + magic.length), magic, variant);
    }
  },

  async content_in_ranges(client) {
    const { id } = await finished(client);
    const ask = (headers = {}) => client.videos.downloadContent(id, {}, { headers });
    const bytes = async (response) => Buffer.from(await response.arrayBuffer());
    const whole = await bytes(await ask());
    const [first, rest] = [await ask({ Range: "bytes=0-99" }), await ask({ Range: "bytes=100-" })];

    assert.deepEqual([first.status, rest.status], [206, 206]);
    assert.deepEqual(await bytes(first), whole.subarray(0, 100));
    assert.deepEqual(await bytes(rest), whole.subarray(100));
  },

  async a_range_beyond_the_end(client) {
    const { id } = await finished(client);
    const headers = { Range: "bytes=1000000000-" };
    const beyond = () => client.videos.downloadContent(id, {}, { headers });
    await refused("APIError", "range_not_satisfiable", beyond);
  },

  async delete(client) {
    const { id } = await created(client);

    assert.deepEqual(await client.videos.delete(id), { id, object: "video.deleted", deleted: true });
    for (const method of ["retrieve", "delete", "downloadContent"])
      await refused("NotFoundError", "video_not_found", () => client.videos[method](id));
  },

  async cancel(client) {
    const { id } = await created(client, LONG);

    assert.equal((await client.post(`/videos/${id}/cancel`)).status, "cancelled");
    assert.equal((await polled(client, id)).status, "cancelled");
    await refused("ConflictError", "video_cancelled", () => client.videos.downloadContent(id));
    const over = `/videos/${(await finished(client)).id}/cancel`;
    await refused("ConflictError", "video_already_over", () => client.post(over));
  },

  async remix_edit_and_extend_are_to_come(client) {
    const { id } = await finished(client);
    const { videos } = client;
    await toCome(() => videos.remix(id, { prompt: "at night" }));
    await toCome(() => videos.edit({ prompt: "at night", video: createReadStream(CLIP) }));
    await toCome(() => videos.edit({ prompt: "at night", video: { id } })); // video[id]
    await toCome(() => videos.extend({ prompt: "on and on", seconds: "4", video: { id } }));
  },

  async input_references_are_to_come(client) {
    const file = await client.files.create({ file: createReadStream(PICTURE), purpose: "vision" });
    const byForm = (input_reference) => client.videos.create({ ...SMALL, input_reference });
    const byJSON = (input_reference) => client.post("/videos", { body: { ...SMALL, input_reference } });
    await toCome(() => byForm(createReadStream(PICTURE)));
    for (const create of [byForm, byJSON]) {
      await toCome(() => create({ file_id: file.id })); // input_reference[file_id]
      const byAddress = () => create({ image_url: "https://127.0.0.1/a.png" });
      const error = await refused("BadRequestError", "invalid_value", byAddress);
      assert.match(error.param, /^input_reference/);
    }
    await client.files.delete(file.id);
  },

  async files(client) {
    const expires_after = { anchor: "created_at", seconds: 3600 };
    const upload = (path, more) => client.files.create({ file: createReadStream(path), ...more });
    const picture = await upload(PICTURE, { purpose: "vision" });
    const clip = await upload(CLIP, { purpose: "user_data", expires_after });

    assert.deepEqual([picture.object, picture.purpose, picture.filename], ["file", "vision", basename(PICTURE)]);
    assert.equal(clip.expires_at, clip.created_at + 3600);
    assert.deepEqual(await client.files.retrieve(picture.id), picture);
    const content = Buffer.from(await (await client.files.content(picture.id)).arrayBuffer());
    assert.deepEqual([content.length, content.toString("latin1", 1, 4)], [picture.bytes, "PNG"]);
    assert.deepEqual(ids(await listed(client.files.list({ limit: 1 }))), [clip.id, picture.id]);
    assert.deepEqual(ids(await listed(client.files.list({ purpose: "vision" }))), [picture.id]);
    for (const file of [picture, clip]) {
      assert.ok((await client.files.delete(file.id)).deleted);
      await refused("NotFoundError", "file_not_found", () => client.files.retrieve(file.id));
    }
  },

  async errors_are_the_clients_own(client) {
    const refusedParam = async (kind, code, param, call) => {
      const error = await refused(kind, code, call);
      assert.equal(error.param, param);
      assert.match(error.message, new RegExp(param));
    };
    for (const wrong of [{ size: "640x480" }, { seconds: "soon" }, { prompt: "" }]) {
      const [name] = Object.keys(wrong);
      await refusedParam("BadRequestError", "invalid_value", name, () => created(client, wrong));
    }
    const strange = () => created(client, { model: "sora-2" });
    await refusedParam("BadRequestError", "model_not_found", "model", strange);
    const lost = await refused("BadRequestError", "cursor_not_found", () => client.videos.list({ after: "video_x" }));
    assert.equal(lost.param, "after");
    const { id } = await created(client, LONG);
    await refused("ConflictError", "video_not_ready", () => client.videos.downloadContent(id));
    await client.videos.delete(id);
  },

  async a_request_keeps_its_id(client) {
    const { response } = await client.videos.list({}, { headers: { "x-request-id": "ours-1" } }).withResponse();

    assert.equal(response.headers.get("x-request-id"), "ours-1");
  },

  async keys_are_asked_for(client) {
    const { id } = await finished(client);
    for (const key of ["ciotat_" + "0".repeat(64), "sk-of-another-service"])
      await refused("AuthenticationError", "invalid_api_key", () => connected(key).videos.retrieve(id));
    await refused("NotFoundError", "video_not_found", () => connected(SPENT_API_KEY).videos.retrieve(id));
  },

  // More than this tenant may ever use, so it is no use to try again.
  async a_limit_is_told() {
    await refused("RateLimitError", "daily_cost_limit", () => created(connected(SPENT_API_KEY)));
  },

  async a_creation_is_repeated_under_its_key(client) {
    const key = { headers: { "Idempotency-Key": "node-1" } };
    const [first, again] = [await created(client, {}, key), await created(client, {}, key)];

    assert.equal(again.id, first.id);
    const changed = () => created(client, { prompt: "another boat" }, key);
    await refused("UnprocessableEntityError", "idempotency_key_reused", changed);
  },

  async models(client) {
    assert.ok(ids(await listed(client.models.list())).includes("ciotat-1"));
    assert.equal((await client.models.retrieve("ciotat-1")).object, "model");
    await refused("NotFoundError", "unknown_model", () => client.models.retrieve("sora-2"));
  },

  async webhooks_are_believed_unless_tampered_with(client) {
    const arrived = [];
    const server = createServer(async (request, response) => {
      const body = Buffer.concat(await listed(request)).toString();
      arrived.push({ headers: request.headers, body });
      response.writeHead(204).end();
      server.emit("arrived");
    });
    const [host, port] = RECEIVER.split(":");
    server.listen(Number(port), host);
    await once(server, "listening");
    const event_types = ["video.completed", "video.cancelled"];
    const body = { name: "ours", url: `http://${RECEIVER}/in`, event_types };
    const { id, signing_secret: secret } = await client.post("/webhook_endpoints", { body });
    const done = await polled(client, (await created(client)).id);
    const cancelled = await created(client, LONG);
    await client.post(`/videos/${cancelled.id}/cancel`);
    const told = {};
    let one;
    while (!(done.id in told && cancelled.id in told)) {
      if (arrived.length === 0) await once(server, "arrived", { signal: AbortSignal.timeout(30_000) });
      one = arrived.shift();
      const event = await client.webhooks.unwrap(one.body, one.headers, secret);
      told[event.data.id] = event.type;
    }
    server.close();
    server.closeAllConnections();
    await client.delete(`/webhook_endpoints/${id}`);

    assert.deepEqual([told[done.id], told[cancelled.id]], ["video.completed", "video.cancelled"]);
    const tampered = client.webhooks.unwrap(one.body.replace("video_", "video-"), one.headers, secret);
    await assert.rejects(tampered, openai.InvalidWebhookSignatureError);
  },
};

const client = connected();
const report = {};
const [, , , ...wanted] = process.argv;
for (const [name, check] of Object.entries(CHECKS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(new Date().toLocaleTimeString(), name);
  try {
    await check(client);
    report[name] = null;
  } catch (error) {
    report[name] = error.stack;
  }
}
const { VERSION: version } = await import(`${process.argv[2]}/version`);
process.stdout.write(JSON.stringify({ version, checks: report }));
