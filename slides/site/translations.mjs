// Translations: each records which text it is of, and a hash of each section as it was when it was translated. So it
// can be told which sections have changed since.
//
//     <!-- translation of slides/05-unreliable-udp.md
//     3f2a99ab 12cd0e77 ... -->

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSlides } from "./deck.mjs";
import { sectionsOf } from "./markdown.mjs";

export const languages = { en: "English", ko: "한국어", "zh-Hant": "繁體中文" };

const head = /^<!-- translation of (\S+)\n([0-9a-f\s]*)-->\n/;

const hashOf = (text) => createHash("sha256").update(text.replace(/\s+/g, " ").trim()).digest("hex").slice(0, 8);

const isDeck = (path) => /^slides\/(?!sheets\/)(?:[\w-]+\/)?\d\d-/.test(path) && !path.includes("/sheets/");

/** A translated deck has the same slides, with the same names, sources and directives. */
function compareSlides(course, path, of, problems) {
  const bones = (slide) => JSON.stringify([slide?.anchor, slide?.sources, slide?.directives.map(({ kind, subject, options }) => [kind, subject, options])]);
  const theirs = readSlides(withoutRecord(course.text(path)));
  const ours = readSlides(course.text(of));
  if (theirs.length !== ours.length) problems.add(path, 1, `${theirs.length} slides, where ${of} has ${ours.length}`);
  ours.forEach((slide, i) => {
    if (theirs[i] && bones(theirs[i]) !== bones(slide)) problems.add(path, theirs[i].line, `slide ${i + 1} has another name, other sources or directives than ${of}:${slide.line}`);
  });
}

/** The sections of an original, with the hash of each. A deck's are its slides, notes and sources included. */
function hashes(path, text) {
  const lines = text.split("\n");
  const parts = isDeck(path)
    ? readSlides(text).map(({ title, line }, i, all) => ({ title, line, text: lines.slice(line - 1, (all[i + 1]?.line ?? lines.length + 1) - 1).join("\n") }))
    : sectionsOf(text);
  return parts.map((part) => ({ ...part, hash: hashOf(part.text.replace(/^---$/gm, "")) }));
}

/** The text of a file without the record of a translation, each line where it was. */
export const withoutRecord = (text) => text.replace(head, (all) => "\n".repeat(all.split("\n").length - 1));

/** Every translation in the repository. */
export function translations(course) {
  const found = [];
  for (const lang of Object.keys(languages).filter((one) => one !== "en")) {
    for (const folder of [`slides/${lang}`, `slides/${lang}/sheets`]) {
      for (const name of course.list(folder)) {
        if (/^\d\d-.*\.md$/.test(name)) found.push({ lang, path: `${folder}/${name}`, of: `${folder.replace(`/${lang}`, "")}/${name}` });
      }
    }
    for (const lab of course.labs) {
      const path = `labs/${lab.id}/README.${lang}.md`;
      if (course.text(path) !== undefined) found.push({ lang, path, of: `labs/${lab.id}/README.md`, lab });
    }
  }
  return found;
}

/** Tells which sections of the originals have changed since they were translated. */
export function checkTranslations(course, problems) {
  for (const { path, of } of translations(course)) {
    const original = course.text(of);
    const record = course.text(path).match(head);
    if (original === undefined || record?.[1] !== of) {
      problems.add(path, 1, `it must begin with "<!-- translation of ${of}" (node slides/site/main.mjs translated ${path} writes it)`);
      continue;
    }
    const known = new Set(record[2].split(/\s+/).filter(Boolean));
    const now = hashes(of, original);
    for (const { title, line, hash } of now) {
      if (!known.has(hash)) problems.add(path, 1, `has fallen behind: ${of}:${line} "${title}" is new or has changed since it was translated`);
      known.delete(hash);
    }
    if (isDeck(of)) compareSlides(course, path, of, problems);
    if (known.size) problems.add(path, 1, `has fallen behind: ${of} has lost sections since it was translated (${known.size})`);
  }
}

/** Records that a translation is up to date. */
export function recordTranslation(course, path) {
  const one = translations(course).find((translation) => translation.path === path);
  const original = one && course.text(one.of);
  if (original === undefined) return false;
  const words = hashes(one.of, original).map(({ hash }) => hash);
  const rows = [];
  while (words.length) rows.push(words.splice(0, 12).join(" "));
  const text = course.text(path).replace(head, "");
  writeFileSync(join(course.root, path), `<!-- translation of ${one.of}\n${rows.join("\n")} -->\n${text}`);
  return true;
}
