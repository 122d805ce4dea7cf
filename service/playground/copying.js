// To the clipboard; a page that did not come over HTTPS or from this machine has only the old way.

import { element } from "./element.js";
import { say } from "./saying.js";

export async function copy(words, what) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(words);
    else if (!bySelection(words)) throw new Error("no way");
    say(`${what} copied.`);
  } catch {
    say(`${what} could not be copied: the browser does not allow it.`);
  }
}

function bySelection(words) {
  const area = element("textarea", { className: "unseen", value: words, readOnly: true });
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
}
