// Elements, made so that data only ever becomes text.

/**
 * Return a new element.
 *
 * @param {string} tag
 * @param {Object} attributes `onclick` and the like are listeners; null and false are left out, true has no value.
 * @param {...(Node|string|null|Array)} children Strings become text nodes; null and false are left out.
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Return an input with its label and a place for what is wrong with it. */
export function field(label, attributes, hint = null) {
  const id = attributes.id ?? `field-${attributes.name}`;
  const note = hint && h("span", { class: "quiet", id: `${id}-hint` }, hint);
  const input = h("input", { ...attributes, id, "aria-describedby": `${note ? `${id}-hint ` : ""}${id}-error` });
  return h("p", { class: "field" }, h("label", { for: id }, label), input, note,
    h("span", { class: "wrong", id: `${id}-error` }));
}

/** Return a heading that gets the focus when its page is shown. */
export function title(text) {
  return h("h1", { tabindex: "-1" }, text);
}

/** Keep a button from being pressed again while its work runs. */
export async function busy(button, work) {
  button.disabled = true;
  try {
    return await work();
  } finally {
    button.disabled = false;
  }
}
