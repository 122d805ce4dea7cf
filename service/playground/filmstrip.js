// The frames of a video as a strip of film, which is also the slider that goes through them.

import { content } from "./api.js";
import { element } from "./element.js";

const SIDE = 4; // the spritesheet has so many rows and columns
const TILES = SIDE * SIDE;

export class Filmstrip {
  constructor(sought) {
    this.slider = element("input", {
      ...{ type: "range", id: "frame", min: 0, max: 0, step: 1, value: 0, "aria-label": "Frame" },
      oninput: () => sought(this.slider.valueAsNumber),
    });
    this._film = element("canvas", { "aria-hidden": "true" });
    this.node = element("div", { className: "film" }, this._film, this.slider);
  }

  /** So many frames; the pictures come when they come. */
  async load(id, frames, signal) {
    this.slider.max = frames - 1;
    this._film.width = 0;
    const sheet = await createImageBitmap(await content(id, "spritesheet", signal));
    const [width, height] = [sheet.width / SIDE, sheet.height / SIDE];
    this._film.width = TILES * width;
    this._film.height = height;
    const context = this._film.getContext("2d");
    for (let at = 0; at < TILES; at += 1) {
      const from = [(at % SIDE) * width, Math.floor(at / SIDE) * height, width, height];
      context.drawImage(sheet, ...from, at * width, 0, width, height);
    }
  }

  show(frame, frames) {
    this.slider.value = frame;
    this.slider.setAttribute("aria-valuetext", `frame ${frame + 1} of ${frames}`);
    this.node.style.setProperty("--at", frames > 1 ? frame / (frames - 1) : 0);
  }
}
