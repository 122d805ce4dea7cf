// The painter: a brush over a picture, for pointers and for keys.

import { $, button, element, relabel } from "./element.js";
import { Mask } from "./mask.js";
import { say, tell } from "./saying.js";

const SIDE = 1024; // of the canvas that is painted on; the mask itself is as large as the picture
const COLOUR = "#ff3d7f";
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Painter {
  constructor() {
    this._at = [0.5, 0.5];
    this._erase = this._down = false;
    this._build();
    this.open(null);
  }

  /** Whether something is to be made anew. */
  get empty() {
    return this.mask.empty;
  }

  /** Begin a mask over this source, or show nothing for none. */
  open(source) {
    this._source = source;
    this.mask = new Mask();
    this._at = [0.5, 0.5];
    this._down = false;
    if (!source) return;
    const scale = Math.min(1, SIDE / Math.max(source.width, source.height));
    for (const canvas of [this._picture, this._canvas]) {
      canvas.width = Math.round(source.width * scale);
      canvas.height = Math.round(source.height * scale);
    }
    this._picture.getContext("2d").drawImage(source.still, 0, 0, this._picture.width, this._picture.height);
    this._easel.style.setProperty("--ratio", source.width / source.height);
    this._draw();
    this._point();
    this._ring.hidden = true;
  }

  /** The mask as a PNG, as large as what it is of. */
  png() {
    return this.mask.png(this._source.width, this._source.height);
  }

  _build() {
    const help = "Arrows move the brush, Space sets it down or lifts it, [ and ] change its size, E erases, Z undoes.";
    this._picture = element("canvas", { className: "picture", "aria-hidden": "true" });
    this._canvas = element("canvas", {
      ...{ id: "mask", className: "mask", tabIndex: 0, role: "application" },
      ...{ "aria-label": "Mask", "aria-describedby": "mask-help" },
    });
    this._ring = element("span", { className: "ring", hidden: true });
    this._easel = element("div", { className: "easel" }, this._picture, this._canvas, this._ring);
    this._size = element("input", { id: "brush", type: "range", min: 2, max: 40, step: 1, value: 14 });
    this._brush = button("Brush", "brush", () => this._take(!this._erase), { seen: false, id: "mask-brush" });
    const tools = element(
      "div",
      { className: "tools", role: "group", "aria-label": "Brush" },
      this._brush,
      element("label", { for: "brush", className: "unseen" }, "Brush size"),
      this._size,
      button("Undo", "again", () => this._undo(), { seen: false, id: "mask-undo" }),
      button("Clear", "bin", () => this._do("clear"), { seen: false, id: "mask-clear" }),
      button("Invert", "invert", () => this._do("invert"), { seen: false, id: "mask-invert" }),
      button("Save the mask", "save", () => this._save(), { seen: false, id: "mask-save" }),
    );
    const title = element("span", { className: "label" }, "Paint what is to be made anew");
    $("painter").append(title, this._easel, element("p", { id: "mask-help", className: "small" }, help), tools);
    this._listen();
  }

  _listen() {
    const canvas = this._canvas;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this._pen = event.pointerId;
      this._begin(...this._place(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      const places = event.getCoalescedEvents?.() ?? [];
      if (this._pen === event.pointerId) for (const each of places.length ? places : [event]) this._go(...this._place(each));
      else this._at = this._place(event);
      this._point();
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this._pen = null));
    canvas.addEventListener("pointerleave", () => (this._ring.hidden = document.activeElement !== canvas));
    canvas.addEventListener("focus", () => this._point());
    canvas.addEventListener("blur", () => (this._ring.hidden = !(this._down = false)));
    canvas.addEventListener("keydown", (event) => this._keyed(event));
    this._size.addEventListener("input", () => this._point());
  }

  _place(event) {
    const box = this._canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  get _share() {
    return this._size.valueAsNumber / 100;
  }

  _begin(x, y) {
    this._at = [x, y];
    this.mask.begin(this._share, this._erase, x, y);
    this._draw();
  }

  _go(x, y) {
    this._at = [x, y];
    this.mask.go(x, y);
    this._draw();
  }

  _keyed(event) {
    const { key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (key === "z") this._undo();
      return;
    }
    if (key in MOVES) this._move(MOVES[key], event.shiftKey ? 0.25 : 1);
    else if (key === " ") this._press();
    else if (key === "[" || key === "]") this._resize(key === "]" ? 2 : -2);
    else if (key === "e") this._take(!this._erase);
    else if (key === "z") this._undo();
    else return;
    event.preventDefault();
  }

  _move([dx, dy], share) {
    const step = Math.max(this._share / 2, 0.02) * share;
    const ratio = this._canvas.width / this._canvas.height;
    const next = [this._at[0] + dx * step, this._at[1] + dy * step * ratio].map((each) => Math.min(1, Math.max(0, each)));
    if (this._down) this._go(...next);
    this._at = next;
    this._point();
  }

  _press() {
    this._down = !this._down;
    if (this._down) this._begin(...this._at);
    tell(this._down ? "Brush down" : "Brush up");
    this._point();
  }

  _resize(by) {
    this._size.valueAsNumber += by;
    this._point();
  }

  _take(erase) {
    this._erase = erase;
    this._down = false;
    relabel(this._brush, erase ? "Eraser" : "Brush", erase ? "eraser" : "brush");
    tell(erase ? "Eraser" : "Brush");
  }

  _do(what) {
    this.mask[what]();
    this._down = false;
    this._draw();
  }

  _undo() {
    this._down = false;
    if (!this.mask.undo()) say("There is nothing to undo.");
    this._draw();
  }

  async _save() {
    const link = element("a", { href: URL.createObjectURL(await this.png()), download: "mask.png" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  _draw() {
    this.mask.draw(this._canvas, COLOUR);
  }

  /** The ring is where the brush is, and as large. */
  _point() {
    const { style } = this._ring;
    this._ring.hidden = false;
    this._ring.classList.toggle("down", this._down);
    style.left = `${this._at[0] * 100}%`;
    style.top = `${this._at[1] * 100}%`;
    style.width = `${this._share * 100}%`;
    this._size.style.setProperty("--share", `${(100 * (this._size.value - 2)) / 38}%`);
  }
}
