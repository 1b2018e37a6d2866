// A short message at the edge of the page that goes away by itself.

import { h } from "./dom.js";

const STAYS = 6_000;

let timer = 0;

/** @param {{href: string, text: string}|null} link Where one may want to go now. */
export function notify(text, link = null) {
  const place = document.getElementById("notice");
  place.replaceChildren(h("p", {}, text, link && " ", link && h("a", { href: link.href }, link.text)));
  clearTimeout(timer);
  timer = setTimeout(() => place.replaceChildren(), STAYS);
}
