// The summary sheets: a lab on one page of A4, in two columns.

import { readSlides } from "./deck.mjs";
import { fillSlide } from "./directives.mjs";
import { escape } from "./html.mjs";
import { markdown } from "./markdown.mjs";
import { withoutRecord } from "./translations.mjs";

/** A sheet is read like a deck of one slide. */
export function openSheet(course, path, lang) {
  const [whole] = readSlides(withoutRecord(course.text(path)));
  return { path, lang, name: path.replace(/^slides\//, "").replace(/sheets\//, "").replace(/\.md$/, ""), whole };
}

/** @returns {Promise<string>} the page to print */
export async function sheetPage(sheet, setting, style, rewrite) {
  const lines = await fillSlide(sheet.whole, setting);
  const html = markdown(rewrite, true).render(lines.join("\n"));
  const [, title = "", rest = html] = html.match(/^\s*(<h1[\s\S]*?<\/h1>)([\s\S]*)$/) ?? [];
  const foot = sheet.whole.sources.length ? `<p class="foot">${escape(sheet.whole.sources.join(" · "))}</p>` : "";
  return `<!DOCTYPE html><html lang="${sheet.lang}"><head><meta charset="utf-8"><title>${escape(sheet.whole.title)}</title><style>${style}</style></head>
<body><div class="page">${title}<div class="sheet">${rest}${foot}</div></div></body></html>`;
}
