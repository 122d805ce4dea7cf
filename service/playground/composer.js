// The form: what a video is asked for with, by what the chosen task of the chosen checkpoint takes.

import { create } from "./api.js";
import { Painter } from "./brush.js";
import { $, element } from "./element.js";
import * as faults from "./faults.js";
import * as history from "./history.js";
import { boundLength } from "./length.js";
import { formOf, isDerived, requestOf } from "./request.js";
import { say } from "./saying.js";
import { installSeed, seed, showSeed } from "./seed.js";
import { Source } from "./source.js";
import { Tabs } from "./tabs.js";
import { INPUTS, TASKS } from "./tasks.js";

const PREFERRED = "ciotat.model";
const SLIDERS = {
  seconds: (value, fps) => `${value} s · ${value * fps} frames`,
  strength: (value) => Number(value).toFixed(2),
  style_alpha: (value) => Number(value).toFixed(2),
  steps: (value) => value,
  guidance_scale: (value) => (Number(value) === 1 ? "1, none" : Number(value).toFixed(1)),
};
const KEPT = ["size", "seed", "model", "steps", "guidance_scale", "negative_prompt"]; // an earlier video's own, where it is the source

export class Composer {
  /** `made(video)` of each video that was asked for. */
  constructor(made) {
    this._made = made;
    this._models = [];
    const changed = { changed: () => this._sourced(), failed: (param, message) => faults.show({ param, message }) };
    this.source = new Source($("source"), "input_reference", changed);
    this.last = new Source($("last"), "last_frame", { ...changed, changed: () => faults.clear($("last")) });
    this.painter = new Painter();
    this.tabs = new Tabs((task) => this._tasked(task), say);
    installSeed();
    this._listen();
  }

  get model() {
    return this._models.find(({ id }) => id === $("model").value);
  }

  /** The checkpoints that there are; the one that was last chosen here is taken, or the service's own default. */
  offer(models) {
    this._models = models;
    $("model").replaceChildren(...models.map(({ id }) => element("option", { value: id }, id)));
    const known = [localStorage.getItem(PREFERRED), "ciotat-1", models[0]?.id];
    $("model").value = known.find((name) => models.some(({ id }) => id === name));
    this._modelled();
  }

  /** Ask for the same again: everything but files as in this video. */
  use(video) {
    if (this._models.some(({ id }) => id === video.model)) $("model").value = video.model;
    this._modelled();
    if (!this.tabs.choose(video.task)) return;
    const values = { prompt: video.prompt, size: video.size, seconds: video.seconds, steps: video.steps, guidance_scale: video.guidance_scale };
    Object.assign(values, { negative_prompt: video.negative_prompt, style: video.style ?? "" });
    if (video.style) values.style_alpha = video.style_alpha;
    if (video.strength !== null) values.strength = video.strength;
    for (const [name, value] of Object.entries(values)) this._set(name, value);
    $("loop").checked = video.loop;
    showSeed(video.seed, true);
    this._shown();
    $("prompt").focus();
  }

  /** Make something of this video. */
  async derive(task, video) {
    if (!this.tabs.choose(task)) return;
    await this.source.takeVideo(video.id, video.prompt);
    if (task === "extend") this._set("seconds", Math.min(Number(video.seconds) + 5, Number($("seconds").max)));
    $("prompt").focus();
    $("prompt").select();
  }

  /** Where a clip is taken, what was made before is one. */
  offerEarlier() {
    const takes = this._can?.inputs.some(({ field, kinds }) => field === "input_reference" && kinds.includes("clip"));
    this.source.offer(takes ? history.all().filter(({ status, model }) => status === "completed" && model === this.model.id) : []);
  }

  _listen() {
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this._send();
    });
    $("composer").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("composer").requestSubmit();
    });
    $("composer").addEventListener("input", (event) => {
      const field = event.target.closest("[data-field]");
      if (field) faults.clear(field);
      this._words();
    });
    $("model").addEventListener("change", () => {
      localStorage.setItem(PREFERRED, $("model").value);
      this._modelled();
    });
    for (const name of ["style", "loop"]) $(name).addEventListener("change", () => this._shown());
    $("defaults").addEventListener("click", () => this._defaults());
    document.addEventListener("paste", ({ clipboardData }) => this._dropped(clipboardData));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      if (!event.defaultPrevented) this._dropped(event.dataTransfer);
      event.preventDefault(); // or the browser would leave the page for the file
    });
  }

  _dropped({ files }) {
    if (files[0] && !$("source").hidden) this.source.take(files[0]);
  }

  _modelled() {
    const { model } = this;
    $("size").replaceChildren(...model.sizes.map((size) => element("option", { value: size, selected: size === "512x512" }, size.replace("x", " × "))));
    $("style").replaceChildren(element("option", { value: "" }, "None"), ...model.styles.map((name) => element("option", { value: name }, name)));
    for (const name of ["steps", "guidance_scale"]) Object.assign($(name), { min: model.limits[name].least, max: model.limits[name].most });
    this._defaults();
    this.tabs.offer(model.id, model.tasks);
  }

  _defaults() {
    for (const [name, value] of Object.entries(this.model.defaults)) this._set(name, value);
    this._set("negative_prompt", "");
  }

  _tasked(task) {
    faults.clear();
    const needs = Object.fromEntries(this._can.inputs.map(({ field, kinds }) => [field, kinds]));
    const title = INPUTS.input_reference[task] ?? "What it is made from";
    this.source.need(title, needs.input_reference ?? []);
    this.offerEarlier();
    this.last.need(INPUTS.last_frame, needs.last_frame ?? []);
    this._styled(task);
    $("hint").textContent = TASKS[task].hint;
    $("create").firstChild.textContent = TASKS[task].create;
    const take = (words) => () => this._set("prompt", words);
    $("examples").replaceChildren(...TASKS[task].examples.map((words) => element("button", { type: "button", className: "chip", onclick: take(words) }, words)));
    this._sourced();
  }

  /** Stylizing needs a style: one is taken for it, and let go with it. */
  _styled(task) {
    if (task === "stylize" && !$("style").value) {
      $("style").selectedIndex = 1;
      this._taken = $("style").value;
    } else if (task !== "stylize" && this._taken === $("style").value) {
      $("style").value = this._taken = "";
    }
  }

  /** What the task takes of this checkpoint. */
  get _can() {
    return this.model?.capabilities.find(({ task }) => task === this.tabs.task);
  }

  _sourced() {
    faults.clear($("source"));
    const masks = this._can.inputs.some(({ field }) => field === "mask");
    $("painter").hidden = !masks || !this.source.value;
    if (this._painted !== this.source.value) this.painter.open((this._painted = this.source.value));
    this._shown();
  }

  /** Show the fields that count, within their bounds. */
  _shown() {
    const { task } = this.tabs;
    const derived = isDerived(task, this.source.value);
    const used = new Set(this._can.fields);
    const counts = { strength: used.has("strength"), loop: used.has("loop") && !derived, seconds: !derived || task === "extend" };
    counts.style = used.has("style") && this.model.styles.length > 0 && !derived;
    counts.style_alpha = counts.style && $("style").value !== "";
    for (const name of KEPT) counts[name] = !derived;
    for (const [name, shown] of Object.entries(counts)) document.querySelector(`[data-field="${name}"]`).hidden = !shown;
    for (const row of document.querySelectorAll("#composer .row")) row.hidden = [...row.children].every(({ hidden }) => hidden);
    $("advanced").hidden = derived;
    $("derived-note").hidden = !derived;
    boundLength(this._can.seconds, counts.loop && $("loop").checked);
    this._words();
  }

  _set(name, value) {
    $(name).value = value;
    $(name).dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** What the sliders say, and how long the prompt is. */
  _words() {
    const fps = this.model?.limits.fps ?? 16;
    for (const [name, words] of Object.entries(SLIDERS)) {
      const slider = $(name);
      const [least, most] = [Number(slider.min), Number(slider.max)];
      $(`${name}-told`).textContent = words(slider.value, fps);
      slider.setAttribute("aria-valuetext", $(`${name}-told`).textContent);
      slider.style.setProperty("--share", `${most > least ? (100 * (slider.value - least)) / (most - least) : 0}%`);
    }
    $("prompt-count").textContent = `${$("prompt").value.length} / 2000`;
  }

  /** What is asked for: of the fields that are shown, what is not the checkpoint's default anyway. */
  async _asked() {
    const names = ["prompt", "model", "size", "seconds", "steps", "guidance_scale", "negative_prompt", "strength", "style", "style_alpha"];
    const shown = names.filter((name) => !document.querySelector(`[data-field="${name}"]`).hidden);
    const fields = Object.fromEntries(shown.map((name) => [name, $(name).value]));
    for (const [name, value] of Object.entries(this.model.defaults)) if (Number(fields[name]) === value) delete fields[name];
    if (seed()) fields.seed = seed();
    if ($("loop").checked && !document.querySelector('[data-field="loop"]').hidden) fields.loop = "true";
    const mask = !$("painter").hidden && !this.painter.empty ? await this.painter.png() : null;
    const source = $("source").hidden ? null : this.source.value;
    return { task: this.tabs.task, fields, source, mask, last: $("last").hidden ? null : this.last.value };
  }

  async _send() {
    if (this._sending || !this.model) return;
    this._sending = true;
    $("create").setAttribute("aria-disabled", "true");
    $("create").firstChild.textContent = "Sending…";
    faults.clear();
    try {
      const request = requestOf(await this._asked());
      const video = await create(request.route, formOf(request));
      const { id, prompt, task, size, seconds, model, status } = video;
      const asked = { ...request, files: request.files.map(([name, , filename]) => [name, filename]) };
      history.add({ id, prompt, task, size, seconds, model, status, asked });
      showSeed(video.seed);
      this._made(video);
    } catch (refusal) {
      faults.show(refusal);
    } finally {
      this._sending = false;
      $("create").removeAttribute("aria-disabled");
      $("create").firstChild.textContent = TASKS[this.tabs.task].create;
    }
  }
}
