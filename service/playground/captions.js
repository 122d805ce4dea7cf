// What is said of a video, in few words.

import { nameOf } from "./tasks.js";

export const secondsOf = (seconds) => (seconds < 60 ? `${Math.round(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`);

/** What made it: pairs of a name and a value. */
export function factsOf(video) {
  return [
    ["Task", nameOf(video.task)],
    ["Size", video.size.replace("x", " × ")],
    ["Length", `${video.seconds} s`],
    ["Seed", video.seed],
    ["Steps", video.steps],
    ["Guidance", video.guidance_scale],
    ["Strength", video.strength],
    ["Style", video.style && `${video.style} at ${video.style_alpha}`],
    ["Loop", video.loop ? "yes" : null],
    ["Model", video.model],
    ["Made in", madeIn(video)],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
}

function madeIn({ timings }) {
  if (!timings || timings.base === null) return null;
  const { queued, ...work } = timings;
  const seconds = Object.values(work).reduce((sum, each) => sum + (each ?? 0), 0);
  return seconds < 10 ? `${seconds.toFixed(1)} s` : secondsOf(seconds);
}

/** Where an unfinished video stands. */
export function standingOf({ status, progress, queue_position: place, eta_seconds: eta }) {
  const left = eta === null || eta === undefined ? "" : `, about ${secondsOf(Math.max(1, eta))} left`;
  if (status === "queued") return place > 1 ? `Waiting, number ${place} in line${left}` : `Waiting, next in line${left}`;
  return `Making it, ${progress} %${left}`;
}
