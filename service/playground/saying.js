// What is said aloud and shown for a moment, and what is asked before it is too late.

import { $ } from "./element.js";

const SECONDS = 4;
let hidden = 0;

/** Show it for a few seconds; screen readers say it. */
export function say(words) {
  const toast = $("toast");
  toast.textContent = words;
  toast.classList.add("shown");
  clearTimeout(hidden);
  hidden = setTimeout(() => toast.classList.remove("shown"), SECONDS * 1000);
}

/** Said by screen readers alone: what others see on the screen. */
export function tell(words) {
  if ($("progress-told").textContent !== words) $("progress-told").textContent = words;
}

/** Whether they mean it. */
export function ask(words, yes) {
  const dialog = $("ask");
  $("ask-words").textContent = words;
  $("ask-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true });
  });
}
