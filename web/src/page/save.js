/**
 * Hand a file to the visitor, as a download.
 *
 * @param {Uint8Array} bytes
 * @param {string} type
 * @param {string} name
 */
export function save(bytes, type, name) {
  const content = /** @type {Uint8Array<ArrayBuffer>} */ (bytes);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
