// Elements without markup in strings: text stays text, whatever is in it.

const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

/** An element with these properties (`on…` listens, `data-…`, `aria-…` and `role` are attributes) and children. */
export function element(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A picture of index.html's sprite. */
export function icon(name) {
  const made = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  made.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  made.append(use);
  return made;
}

/** A button with a picture; its words are seen too, or are there for those who cannot see the picture. */
export function button(words, picture, onclick, { seen = true, ...more } = {}) {
  const label = element("span", { className: seen ? "" : "unseen" }, words);
  const given = { type: "button", onclick, className: "quiet", title: seen ? undefined : words, ...more };
  return element("button", given, ...(picture ? [icon(picture)] : []), label);
}

/** Change the picture of a button, and what it is called. */
export function relabel(made, words, picture) {
  made.querySelector("use").setAttribute("href", `#i-${picture}`);
  made.querySelector("span").textContent = words;
  if (made.title) made.title = words;
}
