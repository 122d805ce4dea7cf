// How long a video may be: by its task and checkpoint, and shorter if it loops.

import { $ } from "./element.js";

export const ONE_PASS = 5; // seconds of a video that loops, at most

/** Set the bounds of the slider, and keep what is asked within. */
export function boundLength({ least, most }, loop) {
  const slider = $("seconds");
  slider.min = least;
  slider.max = loop ? Math.min(most, ONE_PASS) : most;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}
