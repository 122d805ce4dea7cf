// A video until its end: by its events, again and again from the last one; where streams do not get through, by asking.

import { Refusal, events, retrieve } from "./api.js";
import { eventsOf } from "./events.js";

const MISSES = 3; // streams in a row that tell nothing, before it is asked for instead
const ASK_MS = 2000;
export const OVER = new Set(["completed", "failed", "cancelled"]);

/**
 * Tell all that happens to the video: `heard(kind, data)` of events, `asked(video)` of answers, `how(words)` of the
 * connection, null when it is good. Ends with the video, or with the signal; throws where coming back is of no use.
 */
export async function follow(id, { heard, asked, how }, signal) {
  let last = null;
  for (let misses = 0; misses < MISSES && !signal.aborted; misses += 1) {
    let wait = 1000 * misses;
    try {
      const reply = await events(id, last ? { "last-event-id": last } : {}, signal);
      if (reply.status === 204) return;
      for await (const event of eventsOf(reply.body)) {
        if (event.retry) wait = Number(event.retry);
        if (!event.data) continue;
        last = event.id;
        misses = 0;
        how(null);
        heard(event.event, JSON.parse(event.data));
        if (event.event === "done") return;
      }
    } catch (failed) {
      if (signal.aborted) return;
      if (failed instanceof Refusal && isFinal(failed)) throw failed;
    }
    how("Connection lost, coming back");
    await pause(wait, signal);
  }
  await askUntilTheEnd(id, { asked, how }, signal);
}

/** Ask how the video is, as long as it is not over. */
export async function askUntilTheEnd(id, { asked, how }, signal) {
  while (!signal.aborted) {
    try {
      const video = await retrieve(id, signal);
      how("No live events: asking every two seconds");
      asked(video);
      if (OVER.has(video.status)) return;
    } catch (failed) {
      if (signal.aborted) return;
      if (failed instanceof Refusal && isFinal(failed)) throw failed;
      how(failed.message);
    }
    await pause(ASK_MS, signal);
  }
}

const isFinal = (refusal) => refusal.status >= 400 && refusal.status < 500 && refusal.status !== 429;

function pause(ms, signal) {
  return new Promise((over) => {
    const timer = setTimeout(over, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), over()), { once: true });
  });
}
