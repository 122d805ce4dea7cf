// The stage: a video while it is made, when it is there, when it failed; or two of them side by side.

import { cancel, content, remove, retrieve } from "./api.js";
import { factsOf, standingOf } from "./captions.js";
import { copy } from "./copying.js";
import { $, button, element } from "./element.js";
import { OVER, follow } from "./following.js";
import * as history from "./history.js";
import { key } from "./key.js";
import { Player } from "./player.js";
import { ask, say, tell } from "./saying.js";
import { curl, python } from "./snippets.js";

const REFRESH_MS = 3000; // how often the estimate of the time left is asked for

export class Stage {
  /** `changed(video)` of each that is told or gone (null), `use(video)`, `derive(task, video)` for what can be done next. */
  constructor({ changed, use, derive }) {
    Object.assign(this, { id: null, _changed: changed, _use: use, _derive: derive, _empty: $("empty") });
    this._stop = new AbortController();
  }

  /** Show this video, and stay with it. */
  async show(id) {
    const signal = this._leave(id);
    this._under();
    try {
      let video = await retrieve(id, signal);
      if (!OVER.has(video.status)) {
        await this._watch(video, signal);
        video = await retrieve(id, signal);
      }
      if (signal.aborted) return;
      this._changed(video);
      await this._ended(video, signal);
    } catch (refusal) {
      if (!signal.aborted) this._refused(id, refusal);
    }
  }

  /** Show two videos side by side. */
  async compare(ids) {
    const signal = this._leave(null);
    try {
      const shown = await Promise.all(ids.map(async (id) => ({ video: await retrieve(id, signal), blob: await content(id, "video", signal) })));
      if (signal.aborted) return;
      this._player = new Player(shown);
      this._under(element("p", { className: "small" }, "Both play in step: the slider and the frame buttons move them together."), differences(shown.map(({ video }) => video)));
    } catch (refusal) {
      if (!signal.aborted) this._refused(null, refusal);
    }
  }

  /** Show nothing. */
  clear() {
    this._leave(null);
    $("screens").replaceChildren(this._empty);
    this._under();
  }

  _leave(id) {
    this._stop.abort();
    this._stop = new AbortController();
    this._player?.close();
    this._player = null;
    this.id = id;
    URL.revokeObjectURL(this._preview?.src ?? "");
    $("controls").hidden = true;
    $("screens").classList.remove("two");
    globalThis.history.replaceState(null, "", id ? `#${id}` : location.pathname);
    document.title = "ciotat playground";
    return this._stop.signal;
  }

  _under(...nodes) {
    $("under").replaceChildren(...nodes);
  }

  async _watch(video, signal) {
    this._waiting(video);
    const refreshed = { at: performance.now() };
    const told = (more) => {
      if (signal.aborted) return;
      const before = video.status;
      Object.assign(video, more);
      this._standing(video);
      if (video.status !== before) this._changed(video);
    };
    const heard = (kind, data) => {
      if (kind === "preview") this._previewed(video.id, signal);
      if (kind !== "done") told({ status: data.status, progress: data.progress ?? video.progress, queue_position: data.queue_position });
      if (performance.now() - refreshed.at < REFRESH_MS) return;
      refreshed.at = performance.now();
      retrieve(video.id, signal).then(({ eta_seconds }) => told({ eta_seconds }), () => {});
    };
    const asked = (answer) => {
      told(answer);
      this._previewed(video.id, signal);
    };
    const how = (words) => ($("how").textContent = words ?? "");
    if (video.progress > 0) this._previewed(video.id, signal); // it was begun before it was looked at
    await follow(video.id, { heard, asked, how: (words) => !signal.aborted && how(words) }, signal);
  }

  _waiting(video) {
    const [width, height] = video.size.split("x").map(Number);
    this._preview = element("img", { alt: "", className: "preview", hidden: true });
    this._leader = element("div", { className: "leader", "aria-hidden": "true" }, element("b", {}));
    const screen = element("figure", { className: "screen making" }, this._preview, this._leader);
    screen.style.setProperty("--ratio", width / height);
    $("screens").replaceChildren(screen);
    this._bar = element("progress", { max: 100, value: 0, "aria-label": "Progress" });
    this._words = element("p", { className: "standing", id: "standing" });
    const end = button("Cancel", "close", () => this._cancel(video.id), { id: "cancel" });
    const line = element("div", { className: "label-row" }, this._words, end);
    this._under(this._bar, line, element("p", { className: "small", id: "how" }), element("p", { className: "prompt" }, video.prompt));
    this._standing(video);
  }

  _standing(video) {
    const { status, progress, queue_position: place } = video;
    this._words.textContent = standingOf(video);
    this._bar.value = progress;
    this._leader.style.setProperty("--done", `${progress}%`);
    this._leader.firstChild.textContent = status === "queued" ? (place ?? "") : `${progress}`;
    document.title = status === "queued" ? "Waiting · ciotat" : `${progress} % · ciotat`;
    tell(status === "queued" ? `Waiting, number ${place} in line` : `Making the video, ${progress - (progress % 25)} %`);
  }

  /** The whole clip as it looks by now; a short job may have none. */
  async _previewed(id, signal) {
    const shown = this._preview;
    try {
      const blob = await content(id, "preview", signal);
      if (signal.aborted || shown !== this._preview) return;
      const before = shown.src;
      shown.src = URL.createObjectURL(blob);
      shown.hidden = false;
      shown.closest("figure").classList.add("seen");
      URL.revokeObjectURL(before);
    } catch {
      // the next one comes
    }
  }

  async _cancel(id) {
    try {
      await cancel(id);
      say("Cancelled.");
    } catch (refusal) {
      say(refusal.message);
    }
  }

  async _ended(video, signal) {
    if (video.status !== "completed") return this._failed(video);
    const blob = await content(video.id, "video", signal);
    if (signal.aborted) return;
    tell("The video is ready.");
    document.title = "Ready · ciotat";
    this._player = new Player([{ video, blob }]);
    this._under(this._actions(video, blob), element("p", { className: "prompt" }, video.prompt), warnings(video), facts(video));
  }

  _failed(video) {
    const cancelled = video.status === "cancelled";
    const title = cancelled ? "Cancelled" : "This video failed";
    const why = video.error?.message ?? (cancelled ? "It was ended before it was ready." : "");
    this._message(title, why);
    tell(`${title}. ${why}`);
    this._under(element("div", { className: "actions" }, this._again(video), this._delete(video)), element("p", { className: "prompt" }, video.prompt), facts(video));
  }

  _refused(id, refusal) {
    this._message(refusal.status === 404 ? "This video is gone" : "This did not work", refusal.message);
    const again = refusal.status === 404 || !id ? [] : [button("Try again", "again", () => this.show(id))];
    this._under(element("div", { className: "actions" }, ...again));
    if (refusal.status === 404 && id) this._changed({ id, status: "gone" });
  }

  _message(title, words) {
    $("screens").replaceChildren(element("div", { className: "empty" }, element("p", {}, element("strong", {}, title)), element("p", {}, words)));
  }

  _actions(video, blob) {
    const save = () => {
      const link = element("a", { href: URL.createObjectURL(blob), download: `${video.id}.mp4` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    };
    const asked = history.find(video.id)?.asked ?? askedOf(video);
    const to = () => ({ seed: video.seed, origin: location.origin, keyed: Boolean(key()) });
    return element(
      "div",
      { className: "actions" },
      button("Download", "save", save, { id: "download", className: "primary" }),
      button("Remix", "video_to_video", () => this._derive("video_to_video", video), { id: "remix" }),
      button("Extend", "extend", () => this._derive("extend", video), { id: "extend" }),
      this._again(video),
      button("Copy curl", "copy", () => copy(curl(asked, to()), "The curl command"), { id: "copy-curl" }),
      button("Copy Python", "copy", () => copy(python(asked, to()), "The Python program"), { id: "copy-python" }),
      this._delete(video),
    );
  }

  _again(video) {
    return button("Use again", "again", () => this._use(video), { id: "use" });
  }

  _delete(video) {
    const gone = async () => {
      if (!(await ask("Delete this video from the service? Nobody will be able to fetch it any more.", "Delete it"))) return;
      try {
        await remove(video.id);
        this.clear();
        this._changed({ id: video.id, status: "deleted" });
        say("Deleted.");
      } catch (refusal) {
        say(refusal.message);
      }
    };
    return button("Delete from the service", "bin", gone, { seen: false, id: "delete", className: "quiet square" });
  }
}

/** How a video that was not made here would be asked for by words. */
function askedOf(video) {
  const names = ["model", "prompt", "size", "seconds", "steps", "guidance_scale", "negative_prompt", "style", "style_alpha"];
  const fields = names.filter((name) => video[name] !== null && video[name] !== "").map((name) => [name, String(video[name])]);
  return { route: "/v1/videos", fields: [...fields, ...(video.loop ? [["loop", "true"]] : [])], files: [] };
}

function facts(video) {
  const pairs = factsOf(video).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, String(value))));
  return element("dl", { className: "facts" }, ...pairs);
}

function warnings(video) {
  return element("div", {}, ...video.warnings.map(({ message }) => element("p", { className: "note" }, message)));
}

/** A table of what is not the same in two videos. */
function differences([a, b]) {
  const [left, right] = [new Map(factsOf(a)), new Map(factsOf(b))];
  const names = [...new Set([...left.keys(), ...right.keys()])].filter((name) => String(left.get(name)) !== String(right.get(name)));
  const row = (tag, ...cells) => element("tr", {}, ...cells.map((cell, at) => element(at ? tag : "th", { scope: at ? (tag === "th" ? "col" : null) : "row" }, cell)));
  const told = (value) => (value === undefined ? "–" : String(value));
  const head = element("thead", {}, element("tr", {}, element("td", {}), element("th", { scope: "col" }, "Left"), element("th", { scope: "col" }, "Right")));
  const body = element("tbody", {}, ...names.map((name) => row("td", name, told(left.get(name)), told(right.get(name)))));
  return names.length ? element("table", { className: "differences" }, head, body) : element("p", {}, "Asked for alike.");
}
