// Calls of the API, and its refusals as it words them.

import { askForKey, key } from "./key.js";

/** A refusal: `code`, `message`, the field (`param`) it is about, and how long to wait (`after`, ms) where it says. */
export class Refusal extends Error {
  constructor(status, { message, code, param }, after) {
    super(message);
    Object.assign(this, { status, code, param, after });
  }
}

/** An answer that is no refusal; a server that cannot be reached is one, of status 0. Without a good key it asks for one. */
export async function call(path, options = {}) {
  try {
    return await answered(path, options);
  } catch (refusal) {
    if (refusal.status === 401 && (await askForKey(refusal.code === "api_key_missing" ? "This service asks for an API key." : sentence(refusal.message)))) return answered(path, options);
    throw refusal;
  }
}

async function answered(path, { headers = {}, ...options }) {
  const authorized = key() ? { authorization: `Bearer ${key()}`, ...headers } : headers;
  let reply;
  try {
    reply = await fetch(path, { cache: "no-store", ...options, headers: authorized });
  } catch (failed) {
    if (failed.name === "AbortError") throw failed;
    throw new Refusal(0, { message: "The service does not answer.", code: "unreachable", param: null });
  }
  if (!reply.ok) throw await refusalOf(reply);
  return reply;
}

/** As a sentence begins. */
export const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1);

async function refusalOf(reply) {
  const after = Number(reply.headers.get("retry-after-ms")) || null;
  const plain = { message: `The service answered ${reply.status}.`, code: "unknown", param: null };
  const told = await reply.json().catch(() => null);
  return new Refusal(reply.status, told?.error ?? plain, after);
}

/** JSON with its seeds as strings: they have up to 63 bits, and numbers here have 53. */
export function parsed(text) {
  return JSON.parse(text.replace(/(?<!\\)"seed":\s*(\d+)/g, '"seed":"$1"'));
}

const told = async (path, options) => parsed(await (await call(path, options)).text());
const video = (id) => `/v1/videos/${encodeURIComponent(id)}`;

export const models = async () => (await told("/v1/models")).data;
export const create = (route, form) => told(route, { method: "POST", body: form });
export const retrieve = (id, signal) => told(video(id), { signal });
export const cancel = (id) => told(`${video(id)}/cancel`, { method: "POST" });
export const remove = (id) => told(video(id), { method: "DELETE" });
export const events = (id, headers, signal) => call(`${video(id)}/events`, { headers, signal });

/** The bytes of a video or a picture of it. They come from the service itself: this page may not go to a bucket. */
export async function content(id, variant = "video", signal) {
  return (await call(`${video(id)}/content?variant=${variant}&link=false`, { signal })).blob();
}
