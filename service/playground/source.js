// Where a picture or a clip is dropped, picked, pasted, or taken from what was made before.

import { content } from "./api.js";
import { button, element } from "./element.js";
import { wordsOf } from "./tasks.js";

const TYPES = { picture: ["image/png", "image/jpeg", "image/webp"], clip: ["video/mp4", "video/webm"] };

/** What was given: its `kind`, `blob`, `name`, size in pixels, a `still` to draw; `id` of a video that was made here. */
export class Source {
  constructor(place, field, { changed, failed }) {
    Object.assign(this, { value: null, _place: place, _field: field, _changed: changed, _failed: failed, _kinds: [] });
    this._title = element("span", { className: "label", id: `${field}-title` });
    this._input = element("input", { type: "file", id: `${field}-file`, className: "unseen", onchange: () => this._picked() });
    this._words = element("span", {});
    this._drop = element("label", { className: "drop", for: `${field}-file` }, this._input, this._words);
    this._earlier = element("select", { id: `${field}-earlier`, "aria-label": "An earlier video", onchange: () => this._chosen() });
    this._given = element("div", { className: "given", hidden: true });
    place.append(this._title, this._drop, this._earlier, this._given);
    this._listen();
  }

  /** Take these kinds from now on; what no longer fits is given back. */
  need(title, kinds) {
    this._kinds = kinds;
    this._place.hidden = kinds.length === 0;
    this._title.textContent = title;
    this._input.accept = kinds.flatMap((kind) => TYPES[kind]).join(",");
    this._words.replaceChildren(element("b", {}, `Choose ${wordsOf(kinds)}`), ", or drop it here");
    if (this.value && !kinds.includes(this.value.kind)) this.value = null;
    this._show();
  }

  /** These videos, made before, can be taken too. */
  offer(earlier) {
    const options = earlier.map(({ id, prompt }) => element("option", { value: id }, prompt));
    this._earlier.replaceChildren(element("option", { value: "" }, "… or an earlier video"), ...options);
    this._earlier.hidden = Boolean(this.value) || options.length === 0;
  }

  /** Take a file, whatever it was called. */
  async take(file) {
    const kind = file.type.startsWith("video/") ? "clip" : "picture";
    if (!this._kinds.includes(kind)) return this._failed(this._field, `This task takes ${wordsOf(this._kinds)}, not a ${kind}.`);
    await this._load(kind, file, file.name || kind);
  }

  /** Take a video that was made before. */
  async takeVideo(id, prompt) {
    this._place.setAttribute("aria-busy", "true");
    try {
      await this._load("clip", await content(id), prompt, id);
    } catch (refusal) {
      this._failed(this._field, refusal.message);
    } finally {
      this._place.removeAttribute("aria-busy");
    }
  }

  async _load(kind, blob, name, id = null) {
    try {
      this._set({ kind, blob, name, id, ...(await (kind === "clip" ? firstFrame(blob) : bitmap(blob))) });
    } catch {
      this._failed(this._field, `${name} cannot be read: send a PNG, JPEG or WebP picture, or an MP4 or WebM clip.`);
    }
  }

  _set(value) {
    this.value = value;
    this._input.value = "";
    this._show();
    this._changed();
  }

  _show() {
    const { value } = this;
    this._drop.hidden = this._given.hidden = Boolean(value);
    this._given.hidden = !value;
    this._earlier.hidden = Boolean(value) || this._earlier.length < 2;
    this._earlier.value = "";
    if (!value) return;
    const still = element("canvas", { width: 96, height: 96, "aria-hidden": "true" });
    cover(still, value);
    const words = element("span", { className: "given-name" }, element("b", {}, value.name), element("small", {}, sizeOf(value)));
    this._given.replaceChildren(still, words, button("Take it away", "close", () => this._away(), { seen: false }));
  }

  _away() {
    this._set(null);
    this._input.focus();
  }

  _picked() {
    if (this._input.files[0]) this.take(this._input.files[0]);
  }

  _chosen() {
    const { value, selectedOptions } = this._earlier;
    if (value) this.takeVideo(value, selectedOptions[0].textContent);
  }

  _listen() {
    const over = (on) => (event) => {
      event.preventDefault();
      this._place.classList.toggle("over", on);
    };
    for (const name of ["dragenter", "dragover"]) this._place.addEventListener(name, over(true));
    this._place.addEventListener("dragleave", over(false));
    this._place.addEventListener("drop", (event) => {
      over(false)(event); // which tells the page that it is taken here
      if (event.dataTransfer.files[0]) this.take(event.dataTransfer.files[0]);
    });
  }
}

async function bitmap(blob) {
  const still = await createImageBitmap(blob);
  return { still, width: still.width, height: still.height };
}

/** The first frame of a clip, and how large and long it is. */
export async function firstFrame(blob) {
  const video = element("video", { muted: true, preload: "auto", src: URL.createObjectURL(blob) });
  try {
    await new Promise((ready, failed) => {
      video.addEventListener("loadeddata", ready, { once: true });
      video.addEventListener("error", failed, { once: true });
    });
    const { videoWidth: width, videoHeight: height, duration: seconds } = video;
    const still = element("canvas", { width, height });
    still.getContext("2d").drawImage(video, 0, 0);
    return { still, width, height, seconds };
  } finally {
    URL.revokeObjectURL(video.src);
  }
}

function cover(canvas, { still, width, height }) {
  const side = Math.min(width, height);
  const from = [(width - side) / 2, (height - side) / 2, side, side];
  canvas.getContext("2d").drawImage(still, ...from, 0, 0, canvas.width, canvas.height);
}

function sizeOf({ width, height, seconds }) {
  const pixels = `${width} × ${height}`;
  return Number.isFinite(seconds) ? `${pixels}, ${seconds.toFixed(1)} s` : pixels;
}
