// The tasks as tabs: those that the checkpoint does can be chosen, the others say why not.

import { $, element, icon } from "./element.js";
import { TASKS } from "./tasks.js";

/** Tabs that call `chosen(task)`, or `refused(words)` of those that cannot be chosen. */
export class Tabs {
  constructor(chosen, refused) {
    this.task = null;
    this._chosen = chosen;
    this._refused = refused;
    this._able = new Set();
    this._model = "";
    for (const [task, { name }] of Object.entries(TASKS)) $("tabs").append(this._tab(task, name));
    $("tabs").addEventListener("keydown", (event) => this._keyed(event));
  }

  _tab(task, name) {
    const given = { type: "button", id: `tab-${task}`, role: "tab", "aria-controls": "panel", "data-task": task };
    return element("button", { ...given, onclick: () => this.choose(task) }, icon(task), element("span", {}, name));
  }

  /** Only these can be chosen now. */
  offer(model, tasks) {
    this._able = new Set(tasks);
    this._model = model;
    for (const tab of $("tabs").children) {
      const able = this._able.has(tab.dataset.task);
      tab.setAttribute("aria-disabled", String(!able));
      tab.title = able ? TASKS[tab.dataset.task].hint : this._why(tab.dataset.task);
    }
    this.choose(this._able.has(this.task) ? this.task : tasks[0]);
  }

  _why(task) {
    return `${this._model} does not do this: ${TASKS[task].name} is none of its tasks.`;
  }

  choose(task) {
    if (!this._able.has(task)) {
      this._refused(this._why(task));
      return false;
    }
    this.task = task;
    for (const tab of $("tabs").children) {
      const is = tab.dataset.task === task;
      tab.setAttribute("aria-selected", String(is));
      tab.tabIndex = is ? 0 : -1;
    }
    $("panel").setAttribute("aria-labelledby", `tab-${task}`);
    this._chosen(task);
    return true;
  }

  /** Arrows go from tab to tab, also over those that cannot be chosen: their titles say why. */
  _keyed(event) {
    const all = [...$("tabs").children];
    const at = all.indexOf(document.activeElement);
    const steps = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: -1 };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const next = all.at(steps[event.key] % all.length);
    next.focus();
    if (this._able.has(next.dataset.task)) this.choose(next.dataset.task);
    else this._refused(this._why(next.dataset.task));
  }
}
