// What the API refuses is shown beside the field that it names, in its words.

import { sentence } from "./api.js";
import { $, element } from "./element.js";

const SOURCES = { video: "input_reference" }; // the API's field -> ours, where a route calls it otherwise

function place(param) {
  const name = SOURCES[param] ?? param;
  const field = name && document.querySelector(`[data-field="${CSS.escape(name)}"]`);
  return field && !field.hidden && !field.parentElement.hidden ? field : null;
}

/** Show a refusal, and go where it can be mended. */
export function show(refusal) {
  clear();
  const field = place(refusal.param);
  if (!field) return general(worded(refusal));
  field.closest("details")?.setAttribute("open", "");
  const control = field.querySelector("input, select, textarea, canvas, button");
  const id = `fault-${field.dataset.field}`;
  const told = element("p", { id, className: "fault", role: "alert" }, worded(refusal));
  field.append(told);
  field.classList.add("wrong");
  if (control.matches("input, select, textarea")) control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-errormessage", id);
  control.focus({ preventScroll: true });
  told.scrollIntoView({ block: "nearest" });
}

/** A fault of none of the fields. */
export function general(words) {
  $("fault").textContent = words;
  $("fault").hidden = false;
}

/** Nothing is wrong any more, with this field or with all of it. */
export function clear(within = $("composer")) {
  $("fault").hidden = true;
  for (const told of within.querySelectorAll("[data-field] > .fault")) told.remove();
  for (const control of within.querySelectorAll("[aria-errormessage]")) {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-errormessage");
  }
  for (const field of [within, ...within.querySelectorAll(".wrong")]) field.classList.remove("wrong");
}

/** As the API says it, and when to come back. */
export function worded(refusal) {
  const words = sentence(refusal.message);
  if (!refusal.after) return words;
  return `${words.replace(/\.$/, "")}. Try again in ${Math.ceil(refusal.after / 1000)} s.`;
}
