// What was made in this browser: ids, prompts and how it was asked for. Nothing of the videos themselves.

const PLACE = "ciotat.history";
const MOST = 60;

export function all() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? [];
  } catch {
    return [];
  }
}

function keep(entries) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(entries.slice(0, MOST)));
  } catch {
    // full, or forbidden: the videos are there all the same
  }
}

export const find = (id) => all().find((entry) => entry.id === id) ?? null;

/** The newest first. */
export const add = (entry) => keep([entry, ...all().filter((each) => each.id !== entry.id)]);

export const change = (id, more) => keep(all().map((each) => (each.id === id ? { ...each, ...more } : each)));

export const forget = (id) => keep(all().filter((each) => each.id !== id));

export const forgetAll = () => localStorage.removeItem(PLACE);
