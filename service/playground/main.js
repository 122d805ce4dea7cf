// The page: its parts, and what each has to tell the others.

import { models } from "./api.js";
import { Composer } from "./composer.js";
import { $, relabel } from "./element.js";
import * as faults from "./faults.js";
import { installKey } from "./key.js";
import { say } from "./saying.js";
import { Shelf } from "./shelf.js";
import { Stage } from "./stage.js";

const THEMES = { auto: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" };

const composer = new Composer((video) => {
  shelf.draw();
  open(video.id);
});
const stage = new Stage({
  changed: (video) => {
    shelf.told(video);
    composer.offerEarlier();
  },
  use: (video) => composer.use(video),
  derive: (task, video) => composer.derive(task, video),
});
const shelf = new Shelf({ opened: open, compared: compare, watched: () => stage.id });

/** Show a video; where the stage is not in sight, go there. */
function open(id) {
  stage.show(id);
  shelf.draw();
  toStage();
}

function compare(ids) {
  stage.compare(ids);
  shelf.draw();
  toStage();
}

function toStage() {
  const { top, bottom } = $("stage").getBoundingClientRect();
  if (top > innerHeight * 0.6 || bottom < innerHeight * 0.4) $("stage").scrollIntoView({ behavior: "smooth" });
}

async function begin() {
  try {
    composer.offer(await models());
    faults.clear();
  } catch (refusal) {
    faults.general(faults.worded(refusal));
  }
  const id = location.hash.slice(1);
  if (/^video_[0-9a-f]{32}$/.test(id)) stage.show(id);
}

function dressed(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  relabel($("theme"), THEMES[name], name);
  $("theme").title = THEMES[name];
}

$("theme").addEventListener("click", () => {
  const names = Object.keys(THEMES);
  const next = names[(names.indexOf(localStorage.getItem("ciotat.theme") ?? "auto") + 1) % names.length];
  if (next === "auto") localStorage.removeItem("ciotat.theme");
  else localStorage.setItem("ciotat.theme", next);
  dressed(next);
  say(THEMES[next]);
});

dressed(localStorage.getItem("ciotat.theme") ?? "auto");
installKey(begin);
begin();
