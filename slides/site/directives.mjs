// What stands on a page in place of a directive: HTML or Markdown, fetched when the site is built.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findCode, listing } from "./code.mjs";
import { inCode } from "./deck.mjs";
import { escape, inlineCode } from "./html.mjs";
import { layoutOf, renderLayout } from "./layout.mjs";
import { drawDot, drawMsc, drawRun, figure } from "./pictures.mjs";
import { nameOf } from "./runs.mjs";
import { fillWords } from "./words.mjs";

/**
 * @typedef {object} Setting  what directives are filled in for
 * @property {import("./course.mjs").Course} course
 * @property {import("./runs.mjs").Runs} runs
 * @property {Map<string, string>} troubles  runs that could not be had
 * @property {string} lang
 * @property {(line: number, text: string) => void} complain
 */

/** The run that a directive needs: `05/CHECK`, or the one behind a `@message`; undefined for other directives. */
export function wantedRun(course, { kind, subject, options }) {
  if (kind === "message") {
    const [, number, mistake, check] = subject.match(/^(\d\d)\/([\w-]+):\s*(\w+)$/) ?? [];
    const lab = course.lab(number);
    if (!lab) return undefined;
    const kept = course.messages(lab, mistake, check);
    return kept.length && kept.some((text) => text.includes("#")) ? { lab, check, mistake } : undefined;
  }
  if (!["ladder", "packet", "output"].includes(kind)) return undefined;
  const [, number, check] = subject.match(/^(\d\d)\/(\w+)$/) ?? [];
  const lab = course.lab(number);
  const mistake = options.mistake ?? "";
  if (!lab?.checks.some(({ name }) => name === check)) return undefined;
  if (mistake && !course.mistakeTitle(lab, mistake)) return undefined;
  return { lab, check, mistake };
}

/** A slide's lines with every directive, diagram and word filled in. @returns {Promise<string[]>} */
export async function fillSlide(slide, setting) {
  const lines = [...slide.lines];
  for (const one of slide.directives) {
    const fail = (text) => setting.complain(one.line, `@${one.kind} ${one.subject}: ${text}`);
    lines[one.index] = (await kinds[one.kind](one, setting, fail)) ?? "";
  }
  await drawDiagrams(slide, lines, setting);
  const code = inCode(slide.lines);
  return lines.map((line, i) => (code[i] || slide.directives.some(({ index }) => index === i) ? line : fillWords(setting.course, line, (text) => setting.complain(slide.at[i], text))));
}

async function drawDiagrams(slide, lines, { complain }) {
  for (let i = 0; i < slide.lines.length; ++i) {
    const language = slide.lines[i].match(/^```(dot|msc)\s*$/)?.[1];
    if (!language) continue;
    const end = slide.lines.findIndex((line, at) => at > i && line.trim() === "```");
    const text = slide.lines.slice(i + 1, end).join("\n");
    const drawn = await (language === "dot" ? drawDot : drawMsc)(text);
    if (drawn.error) complain(slide.at[i], drawn.error);
    for (let at = i; at <= end; ++at) lines[at] = "";
    if (drawn.svg) lines[i] = figure(drawn.svg, language, `Diagram: ${slide.title}`);
    i = end;
  }
}

const kinds = {
  code: ({ subject, options }, { course }, fail) => {
    const text = course.text(subject);
    if (text === undefined) return fail("no such file");
    const found = findCode(text, options);
    if (found.error) return fail(found.error);
    return `<p class="source">${escape(subject)}, line ${found.first}</p>${listing(found.code, subject)}`;
  },

  ladder: async (one, setting, fail) => drawWanted(one, setting, fail, { frames: one.options.frames }, "ladder"),

  packet: async (one, setting, fail) => {
    const { frame = "1", layers } = one.options;
    if (!layers) return fail("say which headers: layers=ipv4,udp");
    return drawWanted(one, setting, fail, { packet: frame, layers }, "packet");
  },

  output: (one, setting, fail) => {
    const run = runOf(one, setting, fail);
    if (!run) return undefined;
    const { program, stream = "stdout", lines = "1-" } = one.options;
    const file = join(run.folder, `${program}.${stream}`);
    if (!program || !existsSync(file)) return fail(`program=${program}: it has no such ${stream}`);
    const [first, last] = lines.includes("-") ? lines.split("-").map(Number) : [Number(lines), Number(lines)];
    const chosen = readFileSync(file, "utf8").replace(/\n$/, "").split("\n").slice(first - 1, last || undefined);
    if (!chosen.length || chosen.join("") === "") return fail(`lines=${lines}: nothing is printed there`);
    return listing(chosen.join("\n"), "");
  },

  message: ({ subject }, setting, fail) => {
    const [, number, mistake, check] = subject.match(/^(\d\d)\/([\w-]+):\s*(\w+)$/) ?? [];
    const lab = setting.course.lab(number);
    const title = lab && setting.course.mistakeTitle(lab, mistake);
    if (!title) return fail("no such mistake (the form is 05/MISTAKE: CHECK)");
    const kept = setting.course.messages(lab, mistake, check);
    if (!kept.length) return fail(`grader/mistakes/${lab.id}/messages.txt has no "${mistake}: ${check}"`);
    let text = kept[0];
    if (kept.some((one) => one.includes("#"))) {
      // The record has `#` for each number, so that it is the same in every run; readers get a run's own numbers.
      const run = setting.runs.get({ lab, check, mistake });
      if (!run) return fail(setting.troubles.get(nameOf({ lab, check, mistake })) ?? "there is no run of it");
      text = run.verdict.cause.replace(/\s+/g, " ");
    }
    return `<blockquote class="message" lang="en"><p class="mistake">${escape(title)}</p><p>${inlineCode(text)}</p></blockquote>`;
  },

  layout: async ({ subject }, setting, fail) => {
    const layout = await layoutOf(subject);
    return layout.error ? fail(layout.error) : renderLayout(subject, layout);
  },

  checks: ({ subject, options }, { course }, fail) => {
    const lab = course.lab(subject);
    if (options.part && !["points", "badges"].includes(options.part)) return fail("part= is points or badges");
    return lab ? checksTable(lab, options.part) : fail("no such lab");
  },
};

/** The run of a directive; undefined, and said, when there is none. */
function runOf(one, { course, runs, troubles }, fail) {
  const wanted = wantedRun(course, one);
  if (!wanted) {
    fail(one.options.mistake ? "no such check or mistake" : "no such check");
    return undefined;
  }
  const run = runs.get(wanted);
  if (!run) fail(troubles.get(nameOf(wanted)) ?? "there is no run of it");
  return run && { ...run, wanted };
}

async function drawWanted(one, setting, fail, how, kind) {
  const run = runOf(one, setting, fail);
  if (!run) return undefined;
  const drawn = await drawRun(setting.runs, run.wanted, how);
  if (drawn.error) return fail(drawn.error);
  return figure(drawn.svg, kind, `${kind === "ladder" ? "The packets" : "A header"} of check ${nameOf(run.wanted)}`);
}

/** A lab's checks with their points, then its badges; or one part of it alone. */
export function checksTable(lab, only) {
  const core = only === "badges" ? [] : lab.checks.filter((check) => !check.stretch);
  const badges = only === "points" ? [] : lab.checks.filter((check) => check.stretch);
  const row = (check) => `<tr><td>${check.stretch ? escape(check.badge) : check.points}</td><td>${inlineCode(check.title)}</td></tr>`;
  const part = (head, checks) => (checks.length ? `<tbody><tr><th colspan="2">${head}</th></tr>${checks.map(row).join("")}</tbody>` : "");
  const lines = [...core, ...badges].reduce((sum, { title }) => sum + Math.ceil(title.length / 125), 0); // at a small size
  return `<table class="checks" style="--rows:${lines + 2}" lang="en">${part("points", core)}${part("badges", badges)}</table>`;
}
