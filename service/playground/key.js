// The API key: in this tab's session and nowhere else.

import { $ } from "./element.js";

const PLACE = "ciotat.key";

export const key = () => sessionStorage.getItem(PLACE) ?? "";

let asking = null;

/** Ask for a key, saying why; resolves to whether another one was given. Who asks meanwhile waits for the same answer. */
export function askForKey(why) {
  asking ??= asked(why).finally(() => (asking = null));
  return asking;
}

function asked(why) {
  const dialog = $("key-dialog");
  $("key-asked").textContent = why ?? "";
  $("key-asked").hidden = !why;
  $("key").value = key();
  dialog.returnValue = "";
  dialog.showModal();
  $("key").select();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => answer(dialog.returnValue === "use" && kept()), { once: true });
  });
}

function kept() {
  const given = $("key").value.trim();
  const before = key();
  if (given) sessionStorage.setItem(PLACE, given);
  else sessionStorage.removeItem(PLACE);
  $("key").value = "";
  return given !== before;
}

/** The dialog's own buttons. */
export function installKey(changed) {
  $("key-open").addEventListener("click", async () => (await askForKey()) && changed());
  $("key-forget").addEventListener("click", () => {
    $("key").value = "";
    $("key-dialog").close("use");
  });
}
