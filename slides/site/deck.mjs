// A deck (or a summary sheet) as it is written: slides, each with its lines, its name, and where its directives stand.
// Nothing is fetched here; slides/README.md describes the format.

/**
 * @typedef {object} Directive
 * @property {string} kind     "code", "ladder", ...
 * @property {string} subject  the first word after it: a file, "05/CHECK", a structure
 * @property {Record<string, string>} options  fn=..., frames=...
 * @property {number} index    its line within the slide's lines
 * @property {number} line     its line in the file
 *
 * @typedef {object} Slide
 * @property {number} number   counted from 1
 * @property {number} line     where it begins in the file
 * @property {string} title    of its heading, without markup; "" when there is none
 * @property {string} anchor   its name in links; "" when it has none
 * @property {number} level    of its heading: 1 for the deck's title
 * @property {string[]} lines  its text, without the anchor, the notes and the line of sources
 * @property {number[]} at     where each of these lines stands in the file
 * @property {string} notes    what the speaker says
 * @property {string[]} sources  the parts of its line `§ ...`
 * @property {number} sourcesLine
 * @property {Directive[]} directives
 */

const fence = /^\s*(`{3,}|~{3,})/;
const directive = /^@(code|ladder|packet|output|message|layout|checks)(?:\s+(.*))?$/;

/** Which lines are inside a code block; its fences count as inside. */
export function inCode(lines) {
  let open = "";
  return lines.map((line) => {
    const mark = line.match(fence)?.[1];
    if (open) {
      if (mark?.startsWith(open) && line.trim() === mark) open = "";
      return true;
    }
    if (mark) open = mark;
    return Boolean(mark);
  });
}

/** The front matter, `key: value` between two lines `---`, and how many lines it takes. */
export function readFrontMatter(text) {
  const found = text.match(/^---\n((?:[\w-]+:.*\n(?:[ \t]+.*\n)*)+)---\n/);
  const values = {};
  for (const line of found?.[1].split("\n") ?? []) {
    const [, key, value] = line.match(/^([\w-]+):\s*(.*)$/) ?? [];
    if (key) values[key] = value;
  }
  return { values, lines: found ? found[0].split("\n").length - 1 : 0 };
}

/** @returns {Slide[]} */
export function readSlides(text) {
  const skip = readFrontMatter(text).lines;
  const lines = text.split("\n");
  const code = inCode(lines);
  const slides = [];
  let begin = skip;
  for (let i = skip; i <= lines.length; ++i) {
    if (i < lines.length && (code[i] || lines[i].trim() !== "---")) continue;
    const empty = lines.slice(begin, i).every((line) => line.trim() === "");
    if (!empty) slides.push(readSlide(lines.slice(begin, i), begin, slides.length + 1));
    begin = i + 1;
  }
  return slides;
}

function readSlide(all, begin, number) {
  const slide = { number, line: begin + 1, title: "", anchor: "", level: 0, lines: [], at: [], notes: "", sources: [], sourcesLine: 0, directives: [] };
  const code = inCode(all);
  for (let i = 0; i < all.length; ++i) {
    let line = all[i];
    if (!code[i] && line.startsWith("<!--")) {
      const from = i;
      while (i + 1 < all.length && !all[i].includes("-->")) ++i;
      const comment = all.slice(from, i + 1).join("\n").replace(/^<!--\s*/, "").replace(/\s*-->.*$/s, "");
      slide.notes += (slide.notes ? "\n\n" : "") + comment;
      continue;
    }
    if (!code[i] && line.startsWith("§ ")) {
      slide.sourcesLine = begin + i + 1;
      let whole = line.slice(2);
      while (i + 1 < all.length && all[i + 1].trim() !== "" && !all[i + 1].startsWith("<!--")) whole += " " + all[++i].trim();
      slide.sources = whole.split(" · ").map((part) => part.trim()).filter(Boolean);
      continue;
    }
    if (!code[i] && slide.level === 0 && /^#{1,3} /.test(line)) line = readHeading(slide, line);
    const found = code[i] ? null : line.match(directive);
    if (found) slide.directives.push(readDirective(found, slide.lines.length, begin + i + 1));
    slide.lines.push(line);
    slide.at.push(begin + i + 1);
  }
  if (!slide.directives.length && slide.lines[0]?.trim() === "") trimFront(slide);
  return slide;
}

function trimFront(slide) {
  while (slide.lines[0]?.trim() === "") {
    slide.lines.shift();
    slide.at.shift();
  }
}

function readHeading(slide, line) {
  const [, marks, words, anchor] = line.match(/^(#+) (.*?)(?:\s*\{#([\w.-]+)\})?\s*$/);
  slide.level = marks.length;
  slide.title = words.replace(/[`*]/g, "");
  slide.anchor = anchor ?? "";
  return `${marks} ${words}`;
}

/** `solutions/x.cc fn=f from="a b"` → subject and options; a message's subject may hold a blank after its colon. */
function readDirective([, kind, rest = ""], index, line) {
  const options = {};
  const words = rest.replace(/([\w-]+)=(?:"([^"]*)"|(\S+))/g, (_, key, quoted, plain) => {
    options[key] = quoted ?? plain;
    return "";
  });
  return { kind, subject: words.trim(), options, index, line };
}
