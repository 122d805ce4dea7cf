// What was made in this browser, as cards: to look at again, to compare, to forget.

import { content, retrieve } from "./api.js";
import { $, button, element, icon } from "./element.js";
import { OVER } from "./following.js";
import * as history from "./history.js";
import { ask } from "./saying.js";
import { nameOf } from "./tasks.js";

const ASK_MS = 5000; // how often those that are not on the stage are asked after
const WORDS = { queued: "Waiting", in_progress: "Being made", failed: "Failed", cancelled: "Cancelled", gone: "Gone" };

export class Shelf {
  /** `opened(id)` of one, `compared([id, id])` of two, `watched()`: which is on the stage. */
  constructor({ opened, compared, watched }) {
    Object.assign(this, { _opened: opened, _compared: compared, _watched: watched, _chosen: [], _pictures: new Map() });
    this._seen = new IntersectionObserver((entries) => entries.forEach((entry) => entry.isIntersecting && this._picture(entry.target)));
    $("shelf-clear").addEventListener("click", () => this._clear());
    setInterval(() => this._ask(), ASK_MS);
    this.draw();
  }

  /** A video as it is now. */
  told(video) {
    if (video.status === "deleted") history.forget(video.id);
    else history.change(video.id, { status: video.status });
    this.draw();
  }

  draw() {
    const entries = history.all();
    const focused = document.activeElement?.closest("#shelf [id]")?.id;
    this._chosen = this._chosen.filter((id) => entries.some((entry) => entry.id === id));
    this._seen.disconnect();
    $("shelf").replaceChildren(...entries.map((entry) => this._card(entry)));
    $("shelf-empty").hidden = entries.length > 0;
    $("shelf-clear").hidden = entries.length === 0;
    if (focused) $(focused)?.focus();
  }

  _card(entry) {
    const { id, prompt, task, size, seconds, status } = entry;
    const picture = element("img", { alt: "", className: "thumb", hidden: true, "data-id": id });
    const words = WORDS[status];
    const open = element(
      "button",
      { type: "button", id: `open-${id}`, className: "open", onclick: () => this._opened(id), "aria-current": this._watched() === id ? "true" : null },
      element("span", { className: "frame" }, picture, icon(task), words ? element("span", { className: `badge ${status}` }, words) : null),
      element("span", { className: "title" }, prompt),
      element("small", {}, [nameOf(task), size?.replace("x", " × "), seconds && `${seconds} s`].filter(Boolean).join(" · ")),
    );
    const moving = (on) => () => this._move(picture, id, on);
    if (status === "completed") for (const [name, on] of [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]]) open.addEventListener(name, moving(on));
    const chosen = this._chosen.includes(id);
    const compare = button(`Compare: ${prompt}`, "compare", () => this._choose(id), { seen: false, id: `compare-${id}`, "aria-pressed": String(chosen), title: "Compare", className: "quiet square" });
    const away = button(`Forget: ${prompt}`, "close", () => this._forget(id), { seen: false, id: `forget-${id}`, title: "Forget", className: "quiet square" });
    const card = element("li", { className: "card" }, open, element("div", { className: "card-tools" }, ...(status === "completed" ? [compare] : []), away));
    if (status === "completed") this._seen.observe(picture.closest(".frame"));
    return card;
  }

  async _picture(frame) {
    this._seen.unobserve(frame);
    const picture = frame.querySelector("img");
    const { id } = picture.dataset;
    try {
      const shown = this._pictures.get(id) ?? URL.createObjectURL(await content(id, "thumbnail"));
      this._pictures.set(id, shown);
      picture.src = shown;
      picture.hidden = false;
    } catch (refusal) {
      if (refusal.status === 404) history.change(id, { status: "gone" });
    }
  }

  /** What is pointed at moves. */
  async _move(picture, id, on) {
    picture.classList.toggle("moving", on);
    if (!on || matchMedia("(prefers-reduced-motion: reduce)").matches) return this._pictures.has(id) && (picture.src = this._pictures.get(id));
    const name = `${id} moves`;
    try {
      if (!this._pictures.has(name)) this._pictures.set(name, URL.createObjectURL(await content(id, "preview")));
      if (picture.classList.contains("moving")) picture.src = this._pictures.get(name);
    } catch {
      // it stands still
    }
  }

  _choose(id) {
    const without = this._chosen.filter((each) => each !== id);
    this._chosen = without.length < this._chosen.length ? without : [...without.slice(-1), id];
    this.draw();
    if (this._chosen.length === 2) this._compared(this._chosen);
  }

  _forget(id) {
    history.forget(id);
    this.draw();
    $("shelf-title").focus();
  }

  async _clear() {
    if (!(await ask("Forget all videos of this list? They stay on the service.", "Forget all"))) return;
    history.forgetAll();
    this.draw();
  }

  async _ask() {
    for (const { id, status } of history.all()) {
      if (OVER.has(status) || status === "gone" || id === this._watched()) continue;
      try {
        const video = await retrieve(id);
        if (video.status !== status) this.told(video);
      } catch (refusal) {
        if (refusal.status === 404) this.told({ id, status: "gone" });
      }
    }
  }
}
