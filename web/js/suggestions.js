// How a question to the shop may go on, while it is being typed.

import { call } from "./api.js";
import { h } from "./dom.js";

const PAUSE = 150; // milliseconds without a key until the shop is asked
const PATIENCE = 3_000;

/** Offer suggestions for what is typed into an input with a list. */
export function suggest(input) {
  let timer = null;
  let asked = new AbortController();
  input.addEventListener("input", () => {
    clearTimeout(timer);
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    timer = setTimeout(() => fill(input, signal).catch(() => {}), PAUSE); // it can be searched without them
  });
}

async function fill(input, typedOn) {
  const words = input.value.trim().slice(0, 100);
  if (!words) return input.list.replaceChildren();
  const signal = AbortSignal.any([typedOn, AbortSignal.timeout(PATIENCE)]);
  const found = await call(`/v1/search/suggestions?${new URLSearchParams({ q: words })}`, { signal, tries: 1 });
  if (typedOn.aborted) return;
  const texts = new Set([...found.texts, ...found.products.map(({ title }) => title)]);
  input.list.replaceChildren(...[...texts].map((text) => h("option", { value: text })));
}
