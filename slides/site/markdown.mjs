// Markdown on pages that are no slides: handouts, summary sheets, answers, the glossary.

import { load } from "./packages.mjs";

/** A heading's name in links, as GitHub makes it. */
export const slug = (text) =>
  text.trim().toLowerCase().replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "").replace(/\s/g, "-");

/**
 * @param {(link: string, line: number) => string} rewrite  gives a link its address in the site
 * @param {boolean} html  whether HTML may stand in the text (where directives have been filled in)
 */
export function markdown(rewrite = (link) => link, html = false) {
  const MarkdownIt = load("markdown-it");
  const anchor = load("markdown-it-anchor");
  const highlight = load("highlight.js");
  const md = new MarkdownIt({
    html,
    highlight: (code, language) => (highlight.getLanguage(language) ? highlight.highlight(code, { language }).value : ""),
  });
  md.use(anchor.default ?? anchor, { slugify: slug, tabIndex: false });
  md.core.ruler.push("links", (state) => {
    for (const block of state.tokens) {
      for (const token of block.children ?? []) {
        const address = token.type === "link_open" && token.attrGet("href");
        if (address) token.attrSet("href", rewrite(address, (block.map?.[0] ?? -1) + 1));
      }
    }
  });
  const fence = md.renderer.rules.fence;
  md.renderer.rules.fence = (...all) => fence(...all).replace("<pre>", '<pre tabindex="0">');
  md.renderer.rules.table_open = () => '<div class="table" tabindex="0"><table>';
  md.renderer.rules.table_close = () => "</table></div>";
  return md;
}

/** The text of HTML, for searching. */
export const plainText = (html) =>
  html
    .replace(/<(style|script|svg)\b[\s\S]*?<\/\1>/g, " ")
    .replace(/<[^>]*>/g, " ")
    .replace(/&(amp|lt|gt|quot|#39);/g, (all) => ({ "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" })[all])
    .replace(/\s+/g, " ")
    .trim();

/** A handout's sections: `## ` headings with their text, for the search and for the hashes of translations. */
export function sectionsOf(text) {
  const lines = text.split("\n");
  const sections = [];
  let open = false;
  lines.forEach((line, i) => {
    if (/^(```|~~~)/.test(line)) open = !open;
    if (sections.length === 0 || (!open && /^##? /.test(line))) sections.push({ title: line.replace(/^#+ /, ""), line: i + 1, text: "" });
    sections.at(-1).text += line + "\n";
  });
  return sections;
}

