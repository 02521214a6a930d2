/** What the live figures share: taking a picture's place, and controls with names. */

import style from "./figure.css";

/**
 * Put a live figure in the place of a page's picture `live-NAME.svg`.
 *
 * @param {string} name
 * @param {string} title what it is, for those who do not see it
 * @param {...(Node | string)} content
 */
export function replacePicture(name, title, ...content) {
  const picture = document.querySelector(`img[src*="live-${name}."]`);
  if (!picture) throw new Error(`the page has no picture live-${name}`);
  document.head.append(make("style", {}, style));
  const attributes = { className: "live-figure", role: "group", ariaLabel: title };
  // The picture may be in a link or paragraph of its own.
  const place = picture.closest("a") ?? picture;
  place.replaceWith(make("div", attributes, ...content));
}

/**
 * Make an element.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string)} content
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...content) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...content);
  return element;
}

/** @param {string} text @param {() => void} act */
export const button = (text, act) =>
  make("button", { type: "button", textContent: text, onclick: act });

/**
 * A choice of one.
 *
 * @param {string} text
 * @param {[string, string][]} options value and words of each; the first is chosen
 * @param {() => void} act
 */
export function choice(text, options, act) {
  const select = make("select", { onchange: act });
  for (const [value, words] of options) select.append(make("option", { value }, words));
  return { select, label: make("label", {}, text, select) };
}

/**
 * A number to slide.
 *
 * @param {string} text
 * @param {{ min: number, max: number, step: number, value: number }} range
 * @param {() => void} act
 */
export function slider(text, range, act) {
  const input = make("input", { type: "range", ...range, oninput: act });
  input.value = String(range.value);
  return { input, label: make("label", {}, text, input) };
}

/** A canvas that is described in words. @param {string} title @param {string} [className] */
export const canvas = (title, className = "") =>
  make("canvas", { role: "img", ariaLabel: title, className });
