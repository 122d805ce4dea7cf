// The seed: drawn anew for each video unless it is locked. A seed has up to 63 bits, so it stays text.

import { $ } from "./element.js";

let locked = false;

function lock(on) {
  locked = on;
  $("seed-lock").setAttribute("aria-pressed", String(on));
  $("seed").classList.toggle("drawn", !on);
}

/** What is asked for: text, or nothing where one is to be drawn. */
export const seed = () => (locked ? $("seed").value.trim() : "");

/** Show the seed of a video; it is kept if `keep`, or was before. */
export function showSeed(value, keep = locked) {
  $("seed").value = value;
  lock(keep);
}

export function installSeed() {
  $("seed").addEventListener("input", () => lock($("seed").value.trim() !== ""));
  $("seed-lock").addEventListener("click", () => lock(!locked && $("seed").value.trim() !== ""));
  $("seed-dice").addEventListener("click", () => {
    $("seed").value = String(crypto.getRandomValues(new Uint32Array(1))[0]);
    lock(true);
  });
}
