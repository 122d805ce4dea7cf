// A mask as what was done to it, so that each thing can be undone and the whole be drawn at any size.

/** A line of `points` (x, y in shares of width and height), `size` a share of the width. */
const stroke = (size, erase) => ({ kind: "stroke", size, erase, points: [] });

export class Mask {
  constructor() {
    this._done = [];
  }

  /** Whether nothing was ever painted since it was cleared. */
  get empty() {
    const from = this._done.findLastIndex((each) => each.kind === "clear");
    return !this._done.slice(from + 1).some((each) => each.kind === "invert" || !each.erase);
  }

  begin(size, erase, x, y) {
    this._done.push(stroke(size, erase));
    this.go(x, y);
  }

  go(x, y) {
    this._done.at(-1).points.push([x, y]);
  }

  clear() {
    this._done.push({ kind: "clear" });
  }

  invert() {
    this._done.push({ kind: "invert" });
  }

  undo() {
    return this._done.pop() !== undefined;
  }

  /** Draw all of it in this colour; what is not masked is left transparent. */
  draw(canvas, colour) {
    const context = canvas.getContext("2d");
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = context.strokeStyle = colour;
    context.lineCap = context.lineJoin = "round";
    for (const each of this._done) DRAWN[each.kind](context, canvas, each);
  }

  /** The PNG that the API takes: white is made anew, black is kept. */
  png(width, height) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    this.draw(canvas, "#fff");
    const context = canvas.getContext("2d");
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    return new Promise((made) => canvas.toBlob(made, "image/png"));
  }
}

const DRAWN = {
  stroke(context, { width, height }, { points, size, erase }) {
    context.globalCompositeOperation = erase ? "destination-out" : "source-over";
    context.lineWidth = size * width;
    context.beginPath();
    points.forEach(([x, y], at) => context[at ? "lineTo" : "moveTo"](x * width, y * height));
    if (points.length === 1) context.lineTo(points[0][0] * width + 0.01, points[0][1] * height);
    context.stroke();
  },
  clear(context, { width, height }) {
    context.clearRect(0, 0, width, height);
  },
  invert(context, { width, height }) {
    context.globalCompositeOperation = "xor";
    context.fillRect(0, 0, width, height);
  },
};
