// One video, or two side by side in step: play, loop, go frame by frame, see it large.

import { $, button, element, relabel } from "./element.js";
import { Filmstrip } from "./filmstrip.js";

export class Player {
  /** Plays these `[{ video, blob }]` in #screens, by #controls. */
  constructor(shown) {
    this._shown = shown;
    this._over = new AbortController();
    this.fps = shown[0].video.fps;
    this.frames = Math.max(...shown.map(({ video }) => video.frames));
    this._videos = shown.map((each) => this._element(each));
    this._leader = this._videos[shown.findIndex(({ video }) => video.frames === this.frames)];
    this._build();
    const figures = shown.map(({ video }, at) => this._figure(video, this._videos[at], shown.length > 1));
    $("screens").replaceChildren(...figures);
    $("screens").classList.toggle("two", shown.length > 1);
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) this.play();
    this._tick();
  }

  /** Stop, and let the bytes go. */
  close() {
    this._over.abort();
    for (const video of this._videos) {
      video.pause();
      URL.revokeObjectURL(video.src);
    }
  }

  get frame() {
    return Math.min(this.frames - 1, Math.floor(this._leader.currentTime * this.fps + 0.01));
  }

  play() {
    for (const video of this._videos) video.play().catch(() => {});
  }

  pause() {
    for (const video of this._videos) video.pause();
  }

  /** Show this frame, in the middle of its time. */
  seek(frame) {
    this.pause();
    const to = (frame + this.frames) % this.frames;
    this._videos.forEach((video, at) => {
      const last = this._shown[at].video.frames - 1;
      video.currentTime = (Math.min(to, last) + 0.5) / this.fps;
    });
    this._told(to);
  }

  _element({ video, blob }) {
    const [width, height] = video.size.split("x").map(Number);
    const given = { src: URL.createObjectURL(blob), muted: true, loop: true, playsInline: true, preload: "auto" };
    return element("video", { ...given, width, height, "aria-label": video.prompt, onclick: () => this._toggle() });
  }

  _figure(video, node, named) {
    const figure = element("figure", { className: "screen" }, node);
    const [width, height] = video.size.split("x").map(Number);
    figure.style.setProperty("--ratio", width / height);
    if (named) figure.append(element("figcaption", {}, element("b", {}, video.prompt), ` seed ${video.seed}, ${video.steps} steps`));
    return figure;
  }

  _build() {
    const { signal } = this._over;
    this._strip = new Filmstrip((frame) => this.seek(frame));
    this._play = button("Play", "play", () => this._toggle(), { seen: false, id: "play" });
    this._loop = button("Loop", "loop", () => this._repeat(!this._leader.loop), { seen: false, id: "repeat", "aria-pressed": "true" });
    this._count = element("output", { className: "number", id: "frame-told" });
    const bar = element(
      "div",
      { className: "bar", role: "group", "aria-label": "Player" },
      button("A frame back", "back", () => this.seek(this.frame - 1), { seen: false, id: "frame-back" }),
      this._play,
      button("A frame on", "on", () => this.seek(this.frame + 1), { seen: false, id: "frame-on" }),
      this._count,
      this._loop,
      button("Large", "large", () => $("screens").requestFullscreen(), { seen: false, id: "large", hidden: !document.fullscreenEnabled }),
    );
    $("controls").replaceChildren(this._strip.node, bar);
    $("controls").hidden = false;
    for (const name of ["play", "pause", "ended"]) this._leader.addEventListener(name, () => this._named(), { signal });
    $("stage").addEventListener("keydown", (event) => this._keyed(event), { signal });
    this._strip.load(this._shown[0].video.id, this.frames, signal).catch(() => {}); // it is a slider all the same
    this._told(0);
  }

  _toggle() {
    if (this._leader.paused) this.play();
    else this.pause();
  }

  _repeat(on) {
    for (const video of this._videos) video.loop = on;
    this._loop.setAttribute("aria-pressed", String(on));
  }

  _named() {
    const paused = this._leader.paused;
    relabel(this._play, paused ? "Play" : "Pause", paused ? "play" : "pause");
  }

  _keyed(event) {
    if (event.target.closest("button, input, a, select") && event.key === " ") return;
    const act = { " ": () => this._toggle(), ",": () => this.seek(this.frame - 1), ".": () => this.seek(this.frame + 1), l: () => this._repeat(!this._leader.loop) }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  /** The counter runs with the picture, and the others with the first. */
  _tick() {
    if (this._over.signal.aborted) return;
    if (!this._leader.paused) {
      this._told(this.frame);
      for (const video of this._videos) {
        const apart = Math.abs(video.currentTime - this._leader.currentTime);
        if (video !== this._leader && apart > 1.5 / this.fps && this._leader.currentTime < video.duration) video.currentTime = this._leader.currentTime;
      }
    }
    requestAnimationFrame(() => this._tick());
  }

  _told(frame) {
    this._count.textContent = `${frame + 1} / ${this.frames}`;
    this._strip.show(frame, this.frames);
  }
}
