// Small help for writing HTML.

const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text made safe to stand in HTML, in attributes too. */
export const escape = (text) => String(text).replace(/[&<>"']/g, (c) => entities[c]);

/** `code` in backticks becomes <code>; all else is escaped. */
export const inlineCode = (text) =>
  text.split("`").map((part, i) => (i % 2 ? `<code>${escape(part)}</code>` : escape(part))).join("");

/** An SVG file's text, to be put into a page: without the XML declaration and the document type. */
export const inlineSvg = (text) => text.replace(/^[\s\S]*?(?=<svg)/, "").trim();
